import type { ApiClient, CallOptions, RawRequest } from './api-client.js';
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
  return readBody(client, place, options, takeSecretData);
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
  return readBody(client, place, options, (body) => {
    const data = takeSecretData(body);
    // The characters of the data are overwritten: what becomes strings here is public.
    const object = readObject({ ...SECRETS, read: (metadata) => ({ metadata }) }, JSON.parse(body.toString('utf8')));
    return { data, resourceVersion: object.metadata.resourceVersion };
  });
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
  const request = { call, method: 'PATCH', path: pathOf(SECRETS, place), body } as const;
  await sendBody(client, request, 'application/merge-patch+json');
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
  const path = pathOf(SECRETS, { namespace: place.namespace });
  await sendBody(client, { call, method: 'POST', path, body, ...options });
}

/** Gives `read` the object as it came, which is wiped then. */
async function readBody<T>(
  client: Pick<ApiClient, 'raw'>,
  place: SecretPlace,
  options: CallOptions | undefined,
  read: (body: Buffer) => T,
): Promise<T> {
  const call = { verb: 'get', resource: SECRETS.plural, object: placeText(place) };
  const body = await client.raw({ call, method: 'GET', path: pathOf(SECRETS, place), ...options });
  try {
    return read(body);
  } finally {
    body.fill(0);
  }
}

/** Wipes what was sent, and the answer: that is the object, with its keys. */
async function sendBody(
  client: Pick<ApiClient, 'raw'>,
  request: RawRequest & { readonly body: Buffer },
  contentType?: string,
): Promise<void> {
  try {
    (await client.raw(request, contentType)).fill(0);
  } finally {
    request.body.fill(0);
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
