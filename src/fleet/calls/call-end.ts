import { status } from '../../net/grpc/index.js';
import { fieldValue, type HeaderField } from '../../net/http2/index.js';

/**
 * Why a call, or the connection that it was on, is no more: `error` is the kind, to count by; `detail` is for people,
 * may be empty.
 */
export interface CallEnd {
  readonly error: string;
  readonly detail: string;
}

/** By what stands behind the content of an answer, or in its head when there is none. */
export function endByStatus(fields: readonly HeaderField[]): CallEnd | undefined {
  const code = fieldValue(fields, 'grpc-status');
  if (code === undefined) return undefined;
  return {
    error: `status ${status[Number(code)] ?? code}`,
    detail: percentDecoded(fieldValue(fields, 'grpc-message') ?? ''),
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
