import type { ApiClient, CallOptions } from './api-client.js';
import { apiVersionOf, isJsonObject, pathOf, placeText, readObject } from './resource.js';
import { encodeSecret, type SecretData, takeSecretData } from './secret-codec.js';

/** Where a Secret is. */
export interface SecretPlace {
  readonly namespace: string;
  readonly name: string;
}

const SECRETS = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets' } as const;

/**
 * The data of a Secret, in memory that may be wiped.
 * @throws IdentityError as {@link ApiClient}; `ERR_KUBERNETES_NOT_FOUND`: there is none.
 */
export async function readSecret(
  client: Pick<ApiClient, 'raw'>,
  place: SecretPlace,
  options?: CallOptions,
): Promise<SecretData> {
  const call = { verb: 'get', resource: SECRETS.plural, object: placeText(place) };
  const body = await client.raw({ call, method: 'GET', path: pathOf(SECRETS, place), ...options });
  try {
    return takeSecretData(body);
  } finally {
    body.fill(0);
  }
}

/** A Secret at one moment. */
export interface SecretState {
  readonly data: SecretData;
  /** Tells this state from another one. */
  readonly resourceVersion: string;
}

/**
 * As {@link readSecret}, for who means to change it.
 * @throws IdentityError as {@link readSecret}.
 */
export async function readSecretState(
  client: Pick<ApiClient, 'raw'>,
  place: SecretPlace,
  options?: CallOptions,
): Promise<SecretState> {
  const call = { verb: 'get', resource: SECRETS.plural, object: placeText(place) };
  const body = await client.raw({ call, method: 'GET', path: pathOf(SECRETS, place), ...options });
  try {
    const data = takeSecretData(body);
    // The characters of the data are overwritten: what becomes strings here is public.
    const object = readObject({ ...SECRETS, read: (metadata) => ({ metadata }) }, JSON.parse(body.toString('utf8')));
    return { data, resourceVersion: object.metadata.resourceVersion };
  } finally {
    body.fill(0);
  }
}

/**
 * Makes `data` the data of a Secret that is as it was read; all else of it stays.
 * @throws IdentityError as {@link ApiClient}; `ERR_KUBERNETES_CONFLICT`: it was changed since.
 */
export async function changeSecretData(
  client: Pick<ApiClient, 'raw'>,
  place: SecretPlace,
  { before, data }: { readonly before: SecretState; readonly data: SecretData },
): Promise<void> {
  const call = { verb: 'patch', resource: SECRETS.plural, object: placeText(place) };
  const removed = [...before.data.keys()].filter((name) => !data.has(name));
  const body = encodeSecret({ metadata: { resourceVersion: before.resourceVersion } }, data, removed);
  try {
    const request = { call, method: 'PATCH', path: pathOf(SECRETS, place), body } as const;
    const answer = await client.raw(request, 'application/merge-patch+json');
    // The answer is the object, with its keys.
    answer.fill(0);
  } finally {
    body.fill(0);
  }
}

/**
 * Makes a Secret.
 * @throws IdentityError as {@link ApiClient}; `ERR_KUBERNETES_CONFLICT`: there is one already.
 */
export async function createSecret(
  client: Pick<ApiClient, 'raw'>,
  place: SecretPlace,
  { type, data }: { readonly type: string; readonly data: SecretData },
  options?: CallOptions,
): Promise<void> {
  const fields = { apiVersion: apiVersionOf(SECRETS), kind: SECRETS.kind, metadata: place, type };
  const call = { verb: 'create', resource: SECRETS.plural, object: placeText(place) };
  const body = encodeSecret(fields, data);
  try {
    const path = pathOf(SECRETS, { namespace: place.namespace });
    const answer = await client.raw({ call, method: 'POST', path, body, ...options });
    // The answer is the object, with its keys.
    answer.fill(0);
  } finally {
    body.fill(0);
  }
}

/** Metadata alone: the data of Secrets does not come to us. (Kubernetes API concepts, "Metadata-only fetches") */
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Far above what a namespace has. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;

/**
 * The names of all Secrets of a type, without their data.
 * @throws IdentityError as {@link ApiClient}.
 */
export async function listSecretNames(
  client: Pick<ApiClient, 'raw'>,
  { namespace, type }: { readonly namespace: string; readonly type: string },
  options?: CallOptions,
): Promise<readonly string[]> {
  const call = { verb: 'list', resource: SECRETS.plural, object: namespace };
  const query = new URLSearchParams({ fieldSelector: `type=${type}` });
  const path = `${pathOf(SECRETS, { namespace })}?${query}`;
  const request = { call, method: 'GET', path, accept: METADATA_LIST, maxBytes: MAX_LIST_BYTES, ...options } as const;
  const list: unknown = JSON.parse((await client.raw(request)).toString('utf8'));
  const items = isJsonObject(list) && Array.isArray(list.items) ? list.items : [];
  return items.map((item) => readObject({ ...SECRETS, read: (metadata) => ({ metadata }) }, item).metadata.name);
}

/** @throws IdentityError as {@link ApiClient}; `ERR_KUBERNETES_NOT_FOUND`: there is none. */
export async function deleteSecret(
  client: Pick<ApiClient, 'raw'>,
  place: SecretPlace,
  options?: CallOptions,
): Promise<void> {
  const call = { verb: 'delete', resource: SECRETS.plural, object: placeText(place) };
  await client.raw({ call, method: 'DELETE', path: pathOf(SECRETS, place), ...options });
}
