import t from 'tap';
import { retryAfterMs } from '../../../src/net/grpc/client/retry-after.js';
import { officialProtos } from '../../support/official-protos.js';

const cases = [
  { name: 'nothing', fields: [], want: undefined },
  { name: 'a pushback', fields: [['grpc-retry-pushback-ms', '1500']], want: 1500 },
  { name: 'a pushback below zero', fields: [['grpc-retry-pushback-ms', '-1']], want: 300_000 },
  { name: 'a pushback of a day', fields: [['grpc-retry-pushback-ms', '86400000']], want: 300_000 },
  { name: 'a pushback that is no number', fields: [['grpc-retry-pushback-ms', '1e3']], want: undefined },
  { name: 'a pushback of too many digits', fields: [['grpc-retry-pushback-ms', '9'.repeat(400)]], want: undefined },
  { name: 'seconds of HTTP', fields: [['retry-after', '7']], want: 7000 },
  { name: 'a date of HTTP', fields: [['retry-after', 'Wed, 21 Oct 2026 07:28:00 GMT']], want: undefined },
  { name: 'details of nonsense', fields: [['grpc-status-details-bin', 'AAAA/w==']], want: undefined },
  { name: 'details without end', fields: [['grpc-status-details-bin', 'A'.repeat(60_000)]], want: undefined },
] as const;
for (const { name, fields, want } of cases) {
  t.test(name, async (t) => {
    t.equal(retryAfterMs(fields), want);
  });
}

const protos = officialProtos('google/rpc/status.proto', 'google/rpc/error_details.proto');
const encoded = (type: string, value: object): Buffer => {
  const message = protos.lookupType(type);
  return Buffer.from(message.encode(message.fromObject(value)).finish());
};

function details(retryDelay: object): string {
  const other = {
    type_url: 'type.googleapis.com/google.rpc.ErrorInfo',
    value: encoded('google.rpc.ErrorInfo', { reason: 'x' }),
  };
  const retry = {
    type_url: 'type.googleapis.com/google.rpc.RetryInfo',
    value: encoded('google.rpc.RetryInfo', { retryDelay }),
  };
  return encoded('google.rpc.Status', { code: 8, message: 'too many', details: [other, retry] }).toString('base64');
}

const delays = [
  { name: 'seconds and nanoseconds', delay: { seconds: 3, nanos: 250_000_001 }, want: 3251 },
  { name: 'nothing at all', delay: {}, want: 0 },
  { name: 'a time below zero', delay: { seconds: -5 }, want: 300_000 },
  { name: 'more than numbers hold', delay: { seconds: '9223372036854775807' }, want: 300_000 },
] as const;
for (const { name, delay, want } of delays) {
  t.test(`row 54: RetryInfo of ${name}`, async (t) => {
    const base64 = details(delay);
    t.equal(retryAfterMs([['grpc-status-details-bin', base64]]), want);
    t.equal(retryAfterMs([['grpc-status-details-bin', base64.replace(/=+$/, '')]]), want, 'without padding');
  });
}
