import { HeaderDecoder } from '../../net/http2/index.js';
import type { StreamEnd } from './stream.js';

/** gRPC status codes. (gRPC, "Status codes and their use") */
const STATUS_NAMES = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

/** What a header block says of its stream's end; `undefined` for the headers of an answer that goes on. */
export function streamEndOf(block: Buffer, isLast: boolean): StreamEnd | undefined {
  // Our opening asked for no table, so no block depends on another.
  const headers = new Map(new HeaderDecoder(0).decode(block, Number.POSITIVE_INFINITY));
  const httpStatus = headers.get(':status');
  if (httpStatus !== undefined && httpStatus !== '200') return { error: `http ${httpStatus}`, detail: '' };
  if (!isLast) return undefined;
  const status = headers.get('grpc-status');
  if (status === undefined) return { error: 'ended without a status', detail: '' };
  return {
    error: `status ${STATUS_NAMES[Number(status)] ?? status}`,
    detail: percentDecoded(headers.get('grpc-message') ?? ''),
  };
}

/** UTF-8, percent-encoded; what does not decode is taken as it is. (gRPC over HTTP/2, "Responses") */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
