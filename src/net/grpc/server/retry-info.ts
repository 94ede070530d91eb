import { fieldSizeBytes, textFieldBytes, varintBytes, WireWriter } from '../../protobuf/index.js';
import type { status } from '../status-code.js';

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** Keys: the number of a field, and its wire type. */
const CODE = 0x08;
const MESSAGE = 0x12;
const DETAILS = 0x1a;
const TYPE_URL = 0x0a;
const VALUE = 0x12;
const RETRY_DELAY = 0x0a;
const SECONDS = 0x08;
const NANOS = 0x10;

/**
 * The value of `grpc-status-details-bin` that asks the caller to come back no sooner than in so many milliseconds: a
 * `google.rpc.Status` with a `RetryInfo`. (google/rpc/status.proto, error_details.proto; gRPC over HTTP/2,
 * "Binary-Header": base64, here without padding)
 */
export function retryDetails(code: status, message: string, retryAfterMs: number): string {
  const seconds = Math.floor(retryAfterMs / 1000);
  const nanos = Math.round(retryAfterMs - seconds * 1000) * 1_000_000;
  const durationBytes = 1 + varintBytes(seconds) + 1 + varintBytes(nanos);
  const infoBytes = fieldSizeBytes(durationBytes);
  const anyBytes = textFieldBytes(RETRY_INFO) + fieldSizeBytes(infoBytes);
  const bytes = Buffer.allocUnsafe(1 + varintBytes(code) + textFieldBytes(message) + fieldSizeBytes(anyBytes));
  const writer = new WireWriter(bytes);
  writer.head(CODE, code);
  writer.text(MESSAGE, message);
  writer.head(DETAILS, anyBytes);
  writer.text(TYPE_URL, RETRY_INFO);
  writer.head(VALUE, infoBytes);
  writer.head(RETRY_DELAY, durationBytes);
  writer.head(SECONDS, seconds);
  writer.head(NANOS, nanos);
  return bytes.toString('base64').replace(/=+$/, '');
}
