import { CancelSource } from '../../cancellation/index.js';
import { addUnaryMethod, type GrpcServer, type ServedCall, type UnaryMethod } from '../../net/grpc/index.js';
import { FETCH_SECRETS } from './methods.js';
import { decodeRequest, wrongType } from './request-codec.js';
import { REQUEST_FIELDS } from './request-fields.js';
import type { ResponseEncoder } from './response-encoder.js';
import type { SecretFetcher } from './secret-fetcher.js';

interface FetchParts {
  readonly fetcher: SecretFetcher;
  readonly encoder: ResponseEncoder;
}

/** Adds `FetchSecrets`: no Envoy calls it, but people with a gRPC tool and probes do. */
export function addFetchMethod(server: Pick<GrpcServer, 'addMethod'>, parts: FetchParts): void {
  const fetch: UnaryMethod = (bytes, call) => {
    const { names, foreignType } = decodeRequest(bytes, REQUEST_FIELDS.sotw);
    if (foreignType !== '') throw wrongType(foreignType);
    // A function of its own: the bytes are not kept while it waits.
    return answer(call, names, parts);
  };
  addUnaryMethod(server, FETCH_SECRETS, fetch, { metadata: ['authorization'] });
}

async function answer(call: ServedCall, names: readonly string[], { fetcher, encoder }: FetchParts): Promise<void> {
  const gone = new CancelSource();
  call.onGone(() => gone.cancel());
  const { connection, peer, origin } = call;
  const charge = (cost: number, work: number): void => call.charge(cost, work);
  const caller = { authorization: call.metadata('authorization'), connection, peer, origin, charge };
  const { head, release } = await fetcher.fetch({ names, caller, signal: gone }, (secrets) =>
    encoder.encodeWhole(secrets),
  );
  call.answerFramed(head, release);
}
