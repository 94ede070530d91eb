import { encodeHeaderBlock, fieldValue, type RequestHead } from '../../http2/index.js';

const METHOD_NOT_ALLOWED = encodeHeaderBlock([[':status', '405']]);
const UNSUPPORTED_MEDIA_TYPE = encodeHeaderBlock([[':status', '415']]);

/** What is not gRPC at all is answered as HTTP does: with this header block. (gRPC over HTTP/2, "Requests") */
export function httpRefusal({ method, fields }: RequestHead): Buffer | undefined {
  if (method !== 'POST') return METHOD_NOT_ALLOWED;
  return fieldValue(fields, 'content-type')?.startsWith('application/grpc') === true
    ? undefined
    : UNSUPPORTED_MEDIA_TYPE;
}

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** setTimeout keeps a signed 32-bit delay: a deadline that is further away is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The caller's deadline, if it has one. (gRPC over HTTP/2, "Timeout") */
export function timeoutOf({ fields }: RequestHead): number | undefined {
  const [, amount, unit] = TIMEOUT.exec(fieldValue(fields, 'grpc-timeout') ?? '') ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const milliseconds = Number(amount) * (UNIT_MS[unit] ?? 0);
  return milliseconds > MAX_TIMER_MS ? undefined : milliseconds;
}

const NO_FIELDS: RequestHead['fields'] = [];

/** Those of the fields that have one of these names: of the others nothing is kept. */
export function wantedFields({ fields }: RequestHead, names: readonly string[]): RequestHead['fields'] {
  if (names.length === 0) return NO_FIELDS;
  const wanted: RequestHead['fields'][number][] = [];
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index];
    if (field !== undefined && names.includes(field[0])) wanted.push(field);
  }
  return wanted.length === 0 ? NO_FIELDS : wanted;
}

/** The values of the fields of this name. */
export function fieldValues(fields: RequestHead['fields'], name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index];
    if (field?.[0] === name) values.push(field[1]);
  }
  return values;
}
