import { fieldValue, type HeaderField } from '../../http2/index.js';
import { WireReader } from '../../protobuf/index.js';

/** Above this a peer's wish is taken for this much: no answer may silence a client for a day. */
const MAX_MS = 5 * 60_000;

/** A status with its details has some hundred bytes; more is not worth reading for a hint. */
const MAX_DETAILS_CHARS = 8192;

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/**
 * How long the peer of a failed call wants not to be asked again, in milliseconds; `undefined` when it does not say. A
 * wish that cannot be read is none. Looks at gRPC's `grpc-retry-pushback-ms` (below 0: not at all), the `RetryInfo`
 * among the details of a status (google/rpc/error_details.proto), and HTTP's `retry-after` in seconds, which proxies
 * send.
 */
export function retryAfterMs(fields: readonly HeaderField[]): number | undefined {
  const pushback = fieldValue(fields, 'grpc-retry-pushback-ms');
  if (pushback !== undefined && /^-?\d{1,9}$/.test(pushback))
    return pushback.startsWith('-') ? MAX_MS : bounded(Number(pushback));
  const details = fieldValue(fields, 'grpc-status-details-bin');
  const told = details === undefined ? undefined : retryInfoMs(details);
  if (told !== undefined) return bounded(told);
  const seconds = fieldValue(fields, 'retry-after');
  return seconds !== undefined && /^\d{1,9}$/.test(seconds) ? bounded(Number(seconds) * 1000) : undefined;
}

function bounded(milliseconds: number): number {
  return milliseconds >= 0 && milliseconds <= MAX_MS ? milliseconds : MAX_MS;
}

function retryInfoMs(base64: string): number | undefined {
  if (base64.length > MAX_DETAILS_CHARS) return undefined;
  try {
    // google.rpc.Status: 3 details, each an Any: 1 type_url, 2 value.
    for (const any of valuesOf(Buffer.from(base64, 'base64'), 3)) {
      if (valuesOf(any, 1)[0]?.toString('latin1') !== RETRY_INFO) continue;
      const delay = valuesOf(valuesOf(any, 2)[0], 1)[0];
      if (delay !== undefined) return durationMs(delay);
    }
  } catch {
    // No message: no wish.
  }
  return undefined;
}

/** The values of one field of a message. @throws RangeError: it is none. */
function valuesOf(message: Buffer | undefined, wanted: number): readonly Buffer[] {
  const values: Buffer[] = [];
  const reader = new WireReader(message);
  for (let field = reader.next(); field !== 0; field = reader.next()) if (field === wanted) values.push(reader.value());
  return values;
}

/** google.protobuf.Duration: 1 seconds, 2 nanos. @throws RangeError: it is none. */
function durationMs(message: Buffer): number {
  let milliseconds = 0;
  const reader = new WireReader(message);
  for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
    if (!reader.isVarint) continue;
    if (field === 1) milliseconds += reader.int64 * 1000;
    if (field === 2) milliseconds += Math.ceil(reader.number / 1e6);
  }
  return milliseconds;
}
