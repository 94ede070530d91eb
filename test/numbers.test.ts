import t from 'tap';
import { COMMANDS } from '../src/config/index.js';
import { IdentityError } from '../src/errors/index.js';
import { retryAfterMs } from '../src/net/grpc/client/retry-after.js';
import { timeoutOf } from '../src/net/grpc/server/request-kind.js';
import { readRequestHead } from '../src/net/http2/framing/request-head.js';
import { readResponseHead } from '../src/net/http2/framing/response-head.js';
import { StreamError } from '../src/net/http2/index.js';
import { WireReader } from '../src/net/protobuf/index.js';
import { parseServiceAccountToken } from '../src/pki/service-account/index.js';
import { checkClaims } from '../src/pki/token-keys/token-claims.js';
import { isStrictDer, readDer } from '../src/pki/x509/index.js';
import { WallClockTimers } from '../src/timers/index.js';
import { FakeClock } from './support/fake-clock.js';

// Numbers that come from outside are compared so that NaN fails, and none that is infinite, or too large to be exact,
// gets in. Frames, HPACK and protobuf have tests of their own: test/net/http2, test/net/protobuf/wire-reader.test.ts,
// test/fuzz.

const DIGITS = '9'.repeat(400);
const ZEROS = '0'.repeat(400);

/** What `Number`, `parseInt` or a regular expression take for a number, and is none, or no good one. */
const TEXTS = [
  ...[DIGITS, `-${DIGITS}`, `0.${DIGITS}`, `${ZEROS}1`, '1e308', '1e400', '-1', '-0', '+1', '0x10', '0b1', '1_000'],
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '',
    ' ',
    ' 1',
    '1 ',
    '1\n',
    '٣',
    '１',
    '9007199254740993',
    '2147483648',
    '4294967296',
  ],
];
const UNITS = ['', 'h', 'm', 's', 'ms', 'us', 'ns', 'H', 'M', 'S', 'u', 'n', 'd', '%', 'MB'];

/** All numbers in a value, and in what it holds. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

const files = { whyUnreadable: () => undefined, readText: () => '' };

for (const [command, { schema }] of Object.entries(COMMANDS)) {
  t.test(`settings of ${command}: no text becomes a number that is infinite, not exact or below 0`, async (t) => {
    const forms = ['', 'x:', 'churn:', 'slow:', '127.0.0.1:', '[::1]:'];
    const odd: string[] = [];
    for (const { flag, kind } of Object.values(schema)) {
      for (const text of TEXTS.flatMap((one) => UNITS.flatMap((unit) => forms.map((form) => form + one + unit)))) {
        const bad = numbersIn(kind.parse(text, files)).filter(
          (number) => !(number >= 0 && number <= Number.MAX_SAFE_INTEGER),
        );
        if (bad.length > 0) odd.push(`--${flag} ${text.slice(0, 40)}: ${bad}`);
      }
    }
    t.same(odd, []);
  });
}

const jsonTimes = ['1e400', '-1e400', '1e308', '-1e308', '8.64e15', '"1"', '"NaN"', 'null', 'true', '[1]', '{}', '[]'];
const NOW_MS = Date.parse('2026-11-30T00:00:00Z');
const base64url = (text: string) => Buffer.from(text).toString('base64url');

t.test('times of tokens that are no points in time are refused by the agent and by Citadel', async (t) => {
  const expected = { issuers: ['i'], audiences: ['a'] };
  for (const time of jsonTimes) {
    const payload = base64url(`{"iss":"i","aud":"a","sub":"s","exp":${time}}`);
    const token = Buffer.from(`${base64url('{"alg":"RS256"}')}.${payload}.AAAA`);
    t.throws(() => parseServiceAccountToken(token, NOW_MS), IdentityError, `agent: exp ${time}`);
    t.throws(() => checkClaims(payload, expected, NOW_MS), IdentityError, `Citadel: exp ${time}`);
    for (const claim of ['nbf', 'iat']) {
      const later = base64url(`{"iss":"i","aud":"a","sub":"s","exp":${NOW_MS / 1000 + 60},"${claim}":${time}}`);
      t.throws(() => checkClaims(later, expected, NOW_MS), IdentityError, `Citadel: ${claim} ${time}`);
    }
  }
});

t.test('deadlines and waits of peers are finite, or none', async (t) => {
  for (const text of TEXTS.flatMap((one) => UNITS.map((unit) => one + unit))) {
    const fields = [['grpc-timeout', text]] as const;
    const timeoutMs = timeoutOf({ method: 'POST', path: '/', fields, contentBytes: undefined });
    if (timeoutMs !== undefined)
      t.ok(timeoutMs >= 0 && timeoutMs < 2 ** 31, `grpc-timeout ${text.slice(0, 40)}: ${timeoutMs}`);
    for (const name of ['grpc-retry-pushback-ms', 'retry-after']) {
      const waitMs = retryAfterMs([[name, text]]);
      if (waitMs !== undefined) t.ok(waitMs >= 0 && waitMs <= 300_000, `${name} ${text.slice(0, 40)}: ${waitMs}`);
    }
  }
});

t.test('a content-length is a number that is exact, or its message is malformed', async (t) => {
  for (const text of TEXTS) {
    const length = ['content-length', text] as const;
    const request = [[':method', 'POST'], [':scheme', 'http'], [':path', '/'], length] as const;
    for (const read of [() => readRequestHead(1, request), () => readResponseHead(1, [[':status', '200'], length])]) {
      let bytes: number | undefined = 0;
      try {
        bytes = read().contentBytes;
      } catch (error) {
        t.ok(error instanceof StreamError, text.slice(0, 40));
      }
      t.ok(bytes !== undefined && bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER, `${text.slice(0, 40)}: ${bytes}`);
    }
  }
});

t.test('a length of ASN.1 that is indefinite, or longer than what there is, is none', async (t) => {
  const cases = [
    '3080020101' + '0000',
    '30ff',
    '30847fffffff',
    '3088ffffffffffffffff',
    '308affffffffffffffffffff',
    '0484ffffffff00',
    '3005040a00',
    '',
  ];
  for (const hex of cases) {
    const element = readDer(Buffer.from(hex, 'hex'));
    t.notOk(element !== undefined && isStrictDer(element), hex);
  }
  t.same(readDer(Buffer.from('300304012a', 'hex'))?.parts?.[0]?.content, Buffer.of(0x2a));
});

t.test('64 bits of protobuf are a number, whatever they are', async (t) => {
  for (const varint of [`${'ff'.repeat(9)}01`, `${'80'.repeat(9)}01`, `${'ff'.repeat(9)}7f`, '8080808010']) {
    const reader = new WireReader(Buffer.from(`08${varint}`, 'hex'));
    t.equal(reader.nextOfAnyType(), 1);
    t.ok(Number.isFinite(reader.int64) && Math.abs(reader.int64) <= 2 ** 63, `${varint}: ${reader.int64}`);
  }
});

t.test('a due time that is NaN is an error, and not a time that never comes', async (t) => {
  t.throws(() => new WallClockTimers(new FakeClock()).schedule(Number.NaN, () => {}), RangeError);
});
