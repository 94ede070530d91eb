import { addUnaryMethod, type FramedServer } from '../rpc/index.js';
import { FETCH_SECRETS } from './methods.js';
import { decodeRequest, wrongType } from './request-codec.js';
import { REQUEST_FIELDS } from './request-fields.js';
import type { ResponseEncoder } from './response-encoder.js';
import type { SecretFetcher } from './secret-fetcher.js';

/** Adds `FetchSecrets`: no Envoy calls it, but people with a gRPC tool and probes do. */
export function addFetchMethod(
  server: Pick<FramedServer, 'addMethod'>,
  { fetcher, encoder }: { readonly fetcher: SecretFetcher; readonly encoder: ResponseEncoder },
): void {
  addUnaryMethod(server, FETCH_SECRETS, async (bytes, { signal, ...caller }) => {
    const { names, foreignType } = decodeRequest(bytes, REQUEST_FIELDS.sotw);
    if (foreignType !== '') throw wrongType(foreignType);
    const { head, release } = encoder.encodeWhole(await fetcher.fetch(names, caller, signal));
    return { frame: head, onWritten: release };
  });
}
