import { randomBytes } from 'node:crypto';
import t from 'tap';
import { numericDateMs, splitCompactJwt } from '../../../src/pki/service-account/index.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Other spellings of a part that Node's decoder takes for the same octets. */
function otherSpellings(part: string): string[] {
  const octets = Buffer.from(part, 'base64url');
  return [...ALPHABET]
    .map((last) => `${part.slice(0, -1)}${last}`)
    .filter((other) => other !== part && Buffer.from(other, 'base64url').equals(octets));
}

t.test('parts of every length are taken as Node encodes them', async (t) => {
  for (let bytes = 1; bytes <= 66; bytes += 1) {
    const [header = '', payload = '', signature = ''] = [0, 1, 2].map((more) =>
      randomBytes(bytes + more).toString('base64url'),
    );
    const token = `${header}.${payload}.${signature}`;
    t.strictSame(splitCompactJwt(token), { header, payload, signature, signedText: `${header}.${payload}` });
  }
});

t.test('no other spelling of a part is taken, although decoders read the same octets', async (t) => {
  let spellings = 0;
  for (let bytes = 1; bytes <= 66; bytes += 1) {
    const part = randomBytes(bytes).toString('base64url');
    const good = 'e30';
    for (const other of otherSpellings(part)) {
      spellings += 1;
      for (const token of [`${other}.${good}.${good}`, `${good}.${other}.${good}`, `${good}.${good}.${other}`]) {
        t.equal(splitCompactJwt(token), undefined, token);
      }
    }
  }
  // 15 where two characters stand for one octet, 3 where three stand for two, none else.
  t.equal(spellings, 22 * 15 + 22 * 3);
});

for (const token of [
  ...['', '.', '..', 'e30', 'e30.e30', 'e30.e30.', 'e30..e30', '.e30.e30', 'e30.e30.e30.e30', 'A.e30.e30'],
  ...['e30.e30.AAAAA', 'e30.e30.e30=', 'e30.e30.e3+', 'e30.e30.e30\n', ' e30.e30.e30', 'e30.e30.é30'],
]) {
  t.test(`${JSON.stringify(token)} is no JWT in compact form`, async (t) => {
    t.equal(splitCompactJwt(token), undefined);
  });
}

t.test('a long text that is nearly a JWT takes no longer than its length', async (t) => {
  const token = `${'A'.repeat(24_000)}.${'A'.repeat(24_000)}.${'A'.repeat(24_000)}!`;
  t.equal(splitCompactJwt(token), undefined);
});

const dates = [
  { value: 1_700_000_000, want: 1_700_000_000_000 },
  { value: 1_700_000_000.5, want: 1_700_000_000_500 },
  { value: 0, want: 0 },
  { value: -1, want: -1000 },
  { value: 8.64e12, want: 8.64e15 },
  { value: 8.64e12 + 1, want: undefined },
  { value: JSON.parse('1e400'), want: undefined },
  { value: JSON.parse('-1e400'), want: undefined },
  { value: Number.NaN, want: undefined },
  { value: '1700000000', want: undefined },
  { value: null, want: undefined },
  { value: undefined, want: undefined },
  { value: [1], want: undefined },
] as const;

for (const { value, want } of dates) {
  t.test(`the NumericDate ${JSON.stringify(value)} (${String(value)}) is ${want}`, async (t) => {
    t.equal(numericDateMs(value), want);
  });
}
