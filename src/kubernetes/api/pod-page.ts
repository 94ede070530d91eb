import type { ApiClient, CallOptions } from './api-client.js';
import { pathOf, placeText } from './resource.js';
import { PODS } from './resources.js';

/**
 * What a pod answers to a GET of plain HTTP, which the API server sends for us (pods/proxy).
 * @throws IdentityError as {@link ApiClient}; `ERR_KUBERNETES_UNAVAILABLE`: it does not answer.
 */
export function readPodPage(
  client: Pick<ApiClient, 'raw'>,
  place: { readonly namespace: string; readonly name: string; readonly port: number; readonly path: string },
  options?: CallOptions,
): Promise<Buffer> {
  const { namespace, name, port, path } = place;
  const call = { verb: 'get', resource: 'pods/proxy', object: placeText(place) };
  return client.raw({
    call,
    method: 'GET',
    path: `${pathOf(PODS, { namespace, name: `${name}:${port}` })}/proxy${path}`,
    ...options,
  });
}
