import type { ApiClient, CallOptions } from './api-client.js';
import { apiVersionOf, pathOf, placeText } from './resource.js';
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
