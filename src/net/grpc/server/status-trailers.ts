import type { StatusText } from '../status.js';
import { retryDetails } from './retry-info.js';

/** What each answer begins with. */
export const RESPONSE_FIELDS = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', 'identity'],
] as const;

/** What `grpc-message` may not hold as it is. (gRPC over HTTP/2, "Status-Message") */
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/g;

/** How a call has ended. */
export function trailersOf({ code, details, retryAfterMs }: StatusText): [name: string, value: string][] {
  const trailers: [string, string][] = [['grpc-status', String(code)]];
  // Through a Buffer, since half a surrogate pair has no UTF-8.
  if (details !== '') {
    trailers.push(['grpc-message', Buffer.from(details).toString().replace(NOT_PLAIN, encodeURIComponent)]);
  }
  if (retryAfterMs !== undefined) trailers.push(['grpc-status-details-bin', retryDetails(code, details, retryAfterMs)]);
  return trailers;
}
