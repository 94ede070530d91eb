import { errorCodeOf } from '../errors/index.js';
import { type StatusText, status, toStatusObject } from '../rpc/index.js';

/**
 * How a caller is told that it gets no certificate: by the statuses and words of istiod, which operators search for and
 * which steer Istio's agents. Why a token was refused stands in the log alone. (reference: Istio C4, C6, C7)
 */
export function refusalOf(error: unknown): StatusText {
  const { code, details } = toStatusObject(error);
  switch (code) {
    case status.UNAUTHENTICATED:
      return { code, details: 'request authenticate failure' };
    case status.INVALID_ARGUMENT:
    case status.INTERNAL:
      return { code, details: `CSR signing error (${details})` };
    default:
      // istiod calls a signer that has ended INTERNAL; its agents try either again.
      if (errorCodeOf(error) === 'ERR_CITADEL_NOT_READY') {
        return { code: status.INTERNAL, details: `CSR signing error (${details})` };
      }
      return { code, details };
  }
}
