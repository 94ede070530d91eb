import protobuf from 'protobufjs';
import t from 'tap';
import { retryAfterMs } from '../../../src/net/grpc/client/retry-after.js';
import { status } from '../../../src/net/grpc/index.js';
import { retryDetails } from '../../../src/net/grpc/server/retry-info.js';

/** google/rpc/status.proto, error_details.proto, and what they import. */
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`,
  { keepCase: true },
);

const cases = [
  { ms: 100, seconds: 0, nanos: 100_000_000 },
  { ms: 1000, seconds: 1, nanos: 0 },
  { ms: 15_250, seconds: 15, nanos: 250_000_000 },
  { ms: 0, seconds: 0, nanos: 0 },
];

for (const { ms, seconds, nanos } of cases) {
  t.test(`a wait of ${ms} ms reads as ${seconds} s and ${nanos} ns`, async (t) => {
    const value = retryDetails(status.RESOURCE_EXHAUSTED, 'tête', ms);
    const told = root.lookupType('Status').decode(Buffer.from(value, 'base64')).toJSON();
    t.match(told, { code: 8, message: 'tête', details: [{ type_url: 'type.googleapis.com/google.rpc.RetryInfo' }] });
    const type = root.lookupType('RetryInfo');
    const info = type.decode(Buffer.from(told.details[0].value, 'base64'));
    t.same(type.toObject(info, { longs: String, defaults: true }), { retry_delay: { seconds: `${seconds}`, nanos } });
    t.equal(retryAfterMs([['grpc-status-details-bin', value]]), ms);
  });
}
