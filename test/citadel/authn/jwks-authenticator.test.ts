import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Authenticator, createJwksAuthenticator } from '../../../src/citadel/authn/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { TOKEN_ALGORITHMS } from '../../../src/pki/token-keys/verification-keys.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { rejectionCode } from '../../hotpath/pki.js';
import { shortDir } from '../../support/short-dir.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const issuer = new TokenIssuer();

/** Stands still from the setup of a test on: what is told apart by seconds does not depend on how long it runs. */
const clock = { nowMs: 0 };

/** A claim that is so many seconds away by the clock of the test. */
const inSeconds = (claim: 'exp' | 'nbf' | 'iat', away: number) => ({
  get [claim]() {
    return Math.floor(clock.nowMs / 1000) + away;
  },
});

interface Setup {
  readonly path: string;
  readonly authenticator: Authenticator;
  /** Puts a new state of the key file in place, as the kubelet does. */
  publish(content: string): void;
  /** Lets time pass for the authenticator alone. */
  advance(milliseconds: number): void;
  readonly logged: string[];
}

async function setup(t: Test, keys: unknown = issuer.jwks, binding: 'pod' | 'any' = 'any'): Promise<Setup> {
  const path = join(shortDir(t), 'jwks.json');
  writeFileSync(path, JSON.stringify(keys));
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  clock.nowMs = Date.now();
  let offsetMs = 0;
  const authenticator = await createJwksAuthenticator({
    path,
    issuers: [issuer.issuer, 'https://second.example'],
    audiences: ['istio-ca', 'second'],
    trustDomain: TrustDomain.parse('cluster.local'),
    binding,
    logger: { ...silentLogger, info: log, warn: log },
    now: () => clock.nowMs + offsetMs,
  });
  return {
    ...{ path, authenticator, logged },
    publish(content) {
      writeFileSync(`${path}.new`, content);
      renameSync(`${path}.new`, path);
    },
    advance(milliseconds) {
      offsetMs += milliseconds;
    },
  };
}

t.test('a good token names its workload', async (t) => {
  const { authenticator } = await setup(t);
  const workload = await authenticator.authenticate(await issuer.token('foo', 'sleep', { exp: 4_000_000_000 }));
  t.equal(workload.spiffeId.toString(), 'spiffe://cluster.local/ns/foo/sa/sleep');
  t.match(workload, { podName: 'sleep-7d4b', tokenExpiresAtMs: 4_000_000_000_000 });
});

for (const alg of TOKEN_ALGORITHMS) {
  t.test(`${alg} is verified`, async (t) => {
    const signing = new TokenIssuer({ alg });
    const { authenticator } = await setup(t, signing.jwks);
    t.equal(await rejectionCode(authenticator.authenticate(await signing.token())), 'none');
  });
}

const accepted = [
  { name: 'aud as a text', changes: { aud: 'istio-ca' } },
  { name: 'one of several aud', changes: { aud: ['other', 'second'] } },
  { name: 'the second of two issuers', changes: { iss: 'https://second.example' } },
  { name: 'an nbf up to a minute ahead', changes: inSeconds('nbf', 50) },
  { name: 'an iat up to a minute ahead', changes: inSeconds('iat', 50) },
  { name: 'neither nbf nor iat', changes: { nbf: undefined, iat: undefined } },
  { name: 'no kubernetes.io claims', changes: { 'kubernetes.io': undefined } },
  { name: 'an exp that has just passed, within the clock tolerance', changes: inSeconds('exp', -2) },
  {
    name: 'a service account with dots',
    changes: { sub: 'system:serviceaccount:foo:a.b-c', 'kubernetes.io': undefined },
  },
];

for (const { name, changes } of accepted) {
  t.test(`a token with ${name} is accepted`, async (t) => {
    const { authenticator } = await setup(t);
    t.equal(await rejectionCode(authenticator.authenticate(await issuer.token('foo', 'sleep', changes))), 'none');
  });
}

const noBinding = { 'kubernetes.io': undefined };
const wrongClaims = [
  { name: 'has ended', changes: inSeconds('exp', -60), want: 'ERR_TOKEN_EXPIRED', says: /expired \d+ s ago/ },
  {
    name: 'has ended for ten seconds',
    changes: inSeconds('exp', -10),
    want: 'ERR_TOKEN_EXPIRED',
    says: /expired 1\d s/,
  },
  { name: 'ends beyond all dates', changes: { exp: 1e300 }, want: 'ERR_TOKEN_REFUSED', says: /claim exp: got 1e\+300/ },
  { name: 'begins at a text', changes: { nbf: 'now' }, want: 'ERR_TOKEN_REFUSED', says: /claim nbf: got "now"/ },
  { name: 'was issued in an hour', changes: inSeconds('iat', 3600), want: 'ERR_TOKEN_REFUSED', says: /claim iat/ },
  { name: 'was issued at a text', changes: { iat: '1' }, want: 'ERR_TOKEN_REFUSED', says: /claim iat: got "1"/ },
  { name: 'never ends', changes: { exp: undefined }, want: 'ERR_TOKEN_REFUSED', says: /claim exp/ },
  { name: 'ends at a text', changes: { exp: 'never' }, want: 'ERR_TOKEN_REFUSED', says: /claim exp/ },
  { name: 'is not yet valid', changes: inSeconds('nbf', 70), want: 'ERR_TOKEN_REFUSED', says: /claim nbf/ },
  {
    name: 'is for another audience',
    changes: { aud: 'vault' },
    want: 'ERR_TOKEN_REFUSED',
    says: /claim aud: got "vault", expected one of istio-ca, second/,
  },
  { name: 'is for other audiences', changes: { aud: ['a', 'b'] }, want: 'ERR_TOKEN_REFUSED', says: /got \["a","b"\]/ },
  { name: 'is for no audience', changes: { aud: [] }, want: 'ERR_TOKEN_REFUSED', says: /claim aud/ },
  { name: 'has no audience', changes: { aud: undefined }, want: 'ERR_TOKEN_REFUSED', says: /claim aud: got nothing/ },
  {
    name: 'is of another issuer',
    changes: { iss: 'https://evil.example' },
    want: 'ERR_TOKEN_REFUSED',
    says: /claim iss: got "https:\/\/evil.example", expected one of https:\/\/kubernetes/,
  },
  { name: 'has no subject', changes: { sub: undefined }, want: 'ERR_TOKEN_REFUSED', says: /claim sub: got nothing/ },
  { name: 'has a number for a subject', changes: { sub: 7 }, want: 'ERR_TOKEN_REFUSED', says: /claim sub: got 7/ },
  ...[
    'system:serviceaccount',
    'system:serviceaccount:',
    'system:serviceaccount:foo',
    'system:serviceaccount:foo:',
    'system:serviceaccount::sleep',
    'system:serviceaccount:foo:sleep:more',
    'system:serviceaccounts:foo:sleep',
    'system:node:foo:sleep',
    'system:serviceaccount:foo/ns/bar:sleep',
    'system:serviceaccount:..:sleep',
    'system:serviceaccount:foo:..',
    'system:serviceaccount:Foo:sleep',
    'system:serviceaccount:foo.bar:sleep',
    `system:serviceaccount:${'a'.repeat(64)}:sleep`,
    'alice',
    '',
  ].map((sub) => ({
    name: `has the subject "${sub.slice(0, 50)}"`,
    changes: { sub, ...noBinding },
    want: 'ERR_TOKEN_REFUSED',
    says: /claim sub/,
  })),
  {
    name: 'is bound to another namespace than its subject',
    changes: { 'kubernetes.io': { namespace: 'bar', serviceaccount: { name: 'sleep' } } },
    want: 'ERR_TOKEN_REFUSED',
    says: /kubernetes.io\/namespace: got "bar", expected foo/,
  },
  {
    name: 'is bound to another service account than its subject',
    changes: { 'kubernetes.io': { namespace: 'foo', serviceaccount: { name: 'admin' } } },
    want: 'ERR_TOKEN_REFUSED',
    says: /got "admin", expected sleep/,
  },
];

for (const { name, changes, want, says } of wrongClaims) {
  t.test(`a token that ${name} is refused as ${want}`, async (t) => {
    const { authenticator } = await setup(t);
    const token = await issuer.token('foo', 'sleep', changes);
    await refusesWithout(t, authenticator, token, want, says);
  });
}

const podless = [
  { name: 'no kubernetes.io claims', claims: undefined },
  { name: 'no pod', claims: { namespace: 'foo', serviceaccount: { name: 'sleep' } } },
  { name: 'a pod without a uid', claims: { pod: { name: 'sleep-7d4b' } } },
  { name: 'a pod without a name', claims: { pod: { uid: '2e9b' } } },
  { name: 'a pod whose uid is empty', claims: { pod: { name: 'sleep-7d4b', uid: '' } } },
  { name: 'a pod whose uid is a number', claims: { pod: { name: 'sleep-7d4b', uid: 7 } } },
];

for (const { name, claims } of podless) {
  t.test(`a token with ${name} is refused where tokens must be bound to pods, and taken elsewhere`, async (t) => {
    const token = await issuer.token('foo', 'sleep', { 'kubernetes.io': claims });
    const strict = await setup(t, issuer.jwks, 'pod');
    await t.rejects(strict.authenticator.authenticate(token), {
      code: 'ERR_TOKEN_REFUSED',
      message: /claim kubernetes.io\/pod\/(name|uid): got .*, expected the pod that the token is bound to/,
    });
    t.equal(await rejectionCode(strict.authenticator.authenticate(await issuer.token())), 'none');
    const { authenticator } = await setup(t);
    t.equal(await rejectionCode(authenticator.authenticate(token)), 'none');
  });
}

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const unsigned = (header: unknown): string => `${encode(header)}.${encode(issuer.claims())}`;

function signLatin1(payload: string): string {
  const content = `${encode({ alg: 'ES256', kid: issuer.kid })}.${Buffer.from(payload, 'latin1').toString('base64url')}`;
  return `${content}.${issuer.signJws(content).toString('base64url')}`;
}

/** The classic confusion: the public key, which everybody has, as the secret of an HMAC. */
function hmacByPublicKey(): string {
  const content = unsigned({ alg: 'HS256', kid: issuer.kid });
  const secret = issuer.publicKey.export({ type: 'spki', format: 'pem' });
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

async function tampered(): Promise<string> {
  const [header, , signature] = (await issuer.token('foo', 'sleep')).split('.');
  return `${header}.${encode(issuer.claims('foo', 'admin'))}.${signature}`;
}

const wrongForms: { name: string; token: () => string | Promise<string>; want: string; says: RegExp }[] = [
  {
    name: 'without a signature (none)',
    token: () => `${unsigned({ alg: 'none' })}.`,
    want: 'ERR_TOKEN_REFUSED',
    says: /algorithm: got "none"/,
  },
  {
    name: 'signed by HS256 with the public key',
    token: hmacByPublicKey,
    want: 'ERR_TOKEN_REFUSED',
    says: /algorithm: got "HS256"/,
  },
  {
    name: 'without an algorithm',
    token: () => `${unsigned({ kid: 'key-1' })}.AAAA`,
    want: 'ERR_TOKEN_REFUSED',
    says: /got nothing/,
  },
  {
    name: 'with changed claims',
    token: tampered,
    want: 'ERR_TOKEN_REFUSED',
    says: /signature does not verify by key "key-1"/,
  },
  {
    name: 'signed by another key under a known id',
    token: () => new TokenIssuer().token(),
    want: 'ERR_TOKEN_REFUSED',
    says: /signature does not verify/,
  },
  {
    name: 'with an unknown key id',
    token: () => new TokenIssuer({ kid: 'key-9' }).token(),
    want: 'ERR_TOKEN_REFUSED',
    says: /key: got id "key-9" with ES256/,
  },
  {
    name: 'with a known key id and an algorithm of another key type',
    token: () => new TokenIssuer({ alg: 'RS256' }).token(),
    want: 'ERR_TOKEN_REFUSED',
    says: /got id "key-1" with RS256/,
  },
  {
    name: 'with a critical header that nobody knows',
    token: () => `${unsigned({ alg: 'ES256', kid: 'key-1', crit: ['x'], x: 1 })}.AAAA`,
    want: 'ERR_TOKEN_MALFORMED',
    says: /x/,
  },
  {
    name: 'with a critical header that jose knows',
    token: () => issuer.sign(issuer.claims(), { crit: ['b64'], b64: true }),
    want: 'ERR_TOKEN_MALFORMED',
    says: /critical headers \["b64"\]/,
  },
  {
    name: 'with a character that is no base64url behind its signature',
    token: async () => `${await issuer.token()}=`,
    want: 'ERR_TOKEN_MALFORMED',
    says: /no three canonical base64url parts/,
  },
  {
    name: 'with a signature as DER has it',
    token: () => {
      const content = unsigned({ alg: 'ES256', kid: issuer.kid });
      return `${content}.${issuer.signDer(content).toString('base64url')}`;
    },
    want: 'ERR_TOKEN_REFUSED',
    says: /signature does not verify/,
  },
  { name: 'of no parts', token: () => '', want: 'ERR_TOKEN_MALFORMED', says: /no header/ },
  { name: 'of garbage', token: () => 'garbage', want: 'ERR_TOKEN_MALFORMED', says: /no header/ },
  { name: 'of garbage parts', token: () => 'a.b.c', want: 'ERR_TOKEN_MALFORMED', says: /no header/ },
  {
    name: 'of five parts (encrypted)',
    token: () => `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`,
    want: 'ERR_TOKEN_REFUSED',
    says: /RSA-OAEP/,
  },
  {
    name: 'with a payload that is no JSON',
    token: () => issuer.signText('not json'),
    want: 'ERR_TOKEN_MALFORMED',
    says: /malformed/,
  },
  {
    name: 'whose payload is not UTF-8, in a name that a replacement would change',
    token: () => signLatin1(JSON.stringify({ ...issuer.claims(), extra: '\xff' })),
    want: 'ERR_TOKEN_MALFORMED',
    says: /no JSON object in UTF-8/,
  },
  {
    name: 'whose payload is a list',
    token: () => issuer.signText('[]'),
    want: 'ERR_TOKEN_MALFORMED',
    says: /no JSON object/,
  },
  {
    name: 'of a megabyte',
    token: () => `${unsigned({ alg: 'ES256' })}.${randomBytes(786_432).toString('base64url')}`,
    want: 'ERR_TOKEN_MALFORMED',
    says: /bytes, expected at most 24576/,
  },
];

for (const { name, token, want, says } of wrongForms) {
  t.test(`a token ${name} is refused as ${want}`, async (t) => {
    const { authenticator } = await setup(t);
    await refusesWithout(t, authenticator, await token(), want, says);
  });
}

/** Refuses, says why, and quotes no part of the token. */
async function refusesWithout(t: Test, authenticator: Authenticator, token: string, want: string, says: RegExp) {
  const error = await authenticator.authenticate(token).catch((reason: unknown) => reason);
  t.ok(error instanceof IdentityError, String(error));
  t.match(error, { code: want, message: says });
  const parts = token.split('.').filter((part) => part.length > 20);
  t.notOk(
    parts.some((part) => String(error).includes(part)),
    'the token is not quoted',
  );
}

const second = new TokenIssuer({ kid: 'key-2' });
const unnamed = (keys: readonly object[]): object[] => keys.map((key) => ({ ...key, kid: undefined }));

/** A key id is a hint, not a condition. (RFC 7515 §4.1.4) */
const hints = [
  { name: 'no key id', header: { kid: undefined } },
  { name: 'an empty key id, as Kubernetes before 1.16 wrote it', header: { kid: '' } },
  { name: 'a key id that the file does not have', header: { kid: 'renamed' } },
  { name: 'the key id of another key', header: { kid: 'key-2' } },
  { name: 'a number for a key id', header: { kid: 7 } },
];

for (const { name, header } of hints) {
  t.test(`a token with ${name} is verified by whichever key of the file has signed it`, async (t) => {
    const { authenticator } = await setup(t, { keys: [...second.jwks.keys, ...issuer.jwks.keys] });
    t.equal(await rejectionCode(authenticator.authenticate(await issuer.sign(issuer.claims(), header))), 'none');
    const stranger = await new TokenIssuer().sign(issuer.claims(), header);
    t.equal(await rejectionCode(authenticator.authenticate(stranger)), 'ERR_TOKEN_REFUSED');
  });
}

t.test('keys without ids, and two keys of one id, verify the tokens that name one', async (t) => {
  const without = await setup(t, { keys: unnamed([...second.jwks.keys, ...issuer.jwks.keys]) });
  t.equal(await rejectionCode(without.authenticator.authenticate(await issuer.token())), 'none');
  const twin = new TokenIssuer();
  const twice = await setup(t, { keys: [...twin.jwks.keys, ...issuer.jwks.keys] });
  t.equal(await rejectionCode(twice.authenticator.authenticate(await issuer.token())), 'none');
  t.equal(await rejectionCode(twice.authenticator.authenticate(await twin.token())), 'none');
});

t.test('a token makes us try eight keys at most, and first those that it names', async (t) => {
  const others = Array.from({ length: 20 }, (_, index) => new TokenIssuer({ kid: `other-${index}` }));
  const keys = [...others.flatMap(({ jwks }) => jwks.keys), ...issuer.jwks.keys];
  const { authenticator } = await setup(t, { keys });
  t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'none');
  await t.rejects(authenticator.authenticate(await issuer.sign(issuer.claims(), { kid: undefined })), {
    code: 'ERR_TOKEN_REFUSED',
    message: /does not verify by any of 8 keys/,
  });
});

t.test('keys that are none keep no good one from being tried', async (t) => {
  const broken = Array.from({ length: 1000 }, (_, index) => ({
    ...{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', alg: 'ES256', use: 'sig' },
    ...(index % 2 === 0 && { kid: issuer.kid }),
  }));
  for (const header of [{}, { kid: undefined }]) {
    const { authenticator } = await setup(t, { keys: [...broken, ...issuer.jwks.keys] });
    const token = await issuer.sign(issuer.claims(), header);
    const codes: string[] = [];
    while (codes.at(-1) !== 'none' && codes.length < 40)
      codes.push(await rejectionCode(authenticator.authenticate(token)));
    t.equal(codes.at(-1), 'none');
    t.comment(`refused ${codes.length - 1} times, while they were found out`);
  }
});

t.test('of 1 000 keys the one that a token names is tried first, wherever it stands', async (t) => {
  const other = new TokenIssuer({ kid: 'other' }).jwks.keys[0];
  const keys = Array.from({ length: 1000 }, (_, index) => ({ ...other, kid: `other-${index}` }));
  for (const at of [0, 500, 1000]) {
    const { authenticator } = await setup(t, { keys: [...keys.slice(0, at), ...issuer.jwks.keys, ...keys.slice(at)] });
    for (let times = 0; times < 3; times += 1) {
      t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'none');
    }
  }
});

t.test('a key that is none refuses its tokens only', async (t) => {
  const broken = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'broken', alg: 'ES256', use: 'sig' };
  const alone = await setup(t, { keys: [broken] });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await t.rejects(alone.authenticator.authenticate(await issuer.sign(issuer.claims(), { kid: 'broken' })), {
      code: 'ERR_TOKEN_REFUSED',
      message: /could not be verified with ES256 by key "broken"/,
    });
  }
  const { authenticator } = await setup(t, { keys: [broken, ...issuer.jwks.keys] });
  t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'none');
  t.equal(
    await rejectionCode(authenticator.authenticate(await issuer.sign(issuer.claims(), { kid: 'broken' }))),
    'none',
  );
});

t.test('a token has one spelling: none of the others that decode to the same signature is taken', async (t) => {
  for (const alg of ['ES256', 'RS256', 'ES384']) {
    const signing = new TokenIssuer({ alg });
    const { authenticator } = await setup(t, signing.jwks);
    const token = await signing.token();
    const signature = Buffer.from(token.split('.')[2] ?? '', 'base64url');
    const spellings = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map((last) => token.slice(0, -1) + last)
      .filter((other) => Buffer.from(other.split('.')[2] ?? '', 'base64url').equals(signature));
    // 48 octets have no unused bits, the others four.
    t.equal(spellings.length, alg === 'ES384' ? 1 : 16);
    for (const other of spellings) {
      const want = other === token ? 'none' : 'ERR_TOKEN_MALFORMED';
      t.equal(await rejectionCode(authenticator.authenticate(other)), want, alg);
    }
  }
});

const json = JSON.stringify(issuer.jwks);
const bigEndian = Buffer.from(json, 'utf16le').swap16();

t.test('a byte order mark before the key set is skipped', async (t) => {
  const { authenticator, publish, advance } = await setup(t);
  publish(`\ufeff${JSON.stringify(second.jwks)}`);
  advance(1000);
  t.equal(await rejectionCode(authenticator.authenticate(await second.token())), 'none');
});

const badTexts = [
  { name: 'UTF-16 with its mark', content: Buffer.from(`\ufeff${json}`, 'utf16le'), says: /text in UTF-16/ },
  { name: 'UTF-16 without a mark', content: Buffer.from(json, 'utf16le'), says: /text in UTF-16/ },
  { name: 'UTF-16, the high octet first', content: bigEndian, says: /text in UTF-16/ },
  { name: 'octets that are no text', content: Buffer.from([0x7b, 0xff, 0x7d]), says: /not UTF-8/ },
  { name: 'nothing', content: Buffer.alloc(0), says: /an empty file/ },
  { name: 'a mark alone', content: Buffer.from('\ufeff'), says: /an empty file/ },
  {
    name: 'a private key',
    content: Buffer.from('-----BEGIN PRIVATE KEY-----'),
    says: /got 27 bytes that are no JSON, expected JSON$/,
  },
];

for (const { name, content, says } of badTexts) {
  t.test(`a key file of ${name} is named for what it is, and not quoted`, async (t) => {
    const path = join(shortDir(t), 'jwks.json');
    writeFileSync(path, content);
    await t.rejects(open(path), { code: 'ERR_JWKS_INVALID', message: says });
  });
}

t.test('a key file that the system does not give is refused with the reason of the system', async (t) => {
  const directory = shortDir(t);
  await t.rejects(open(directory), { code: 'ERR_JWKS_INVALID', message: /got a directory, expected a regular file/ });
  await t.rejects(open(join(directory, 'none')), { code: 'ERR_JWKS_INVALID', message: /ENOENT/ });
});

const unfit = [
  { name: 'for another algorithm', changes: { alg: 'RS512' } },
  { name: 'for encryption', changes: { use: 'enc' } },
  { name: 'for other operations', changes: { alg: undefined, key_ops: ['encrypt'] } },
  { name: 'whose operations are no list', changes: { key_ops: 'verify' } },
];

for (const { name, changes } of unfit) {
  t.test(`a key ${name} verifies no token`, async (t) => {
    const signing = new TokenIssuer({ alg: 'RS256' });
    const { authenticator } = await setup(t, { keys: signing.jwks.keys.map((key) => ({ ...key, ...changes })) });
    await t.rejects(authenticator.authenticate(await signing.token()), {
      code: 'ERR_TOKEN_REFUSED',
      message: /key: got id "key-1" with RS256/,
    });
  });
}

t.test('a key for any algorithm of its kind verifies each of them, and no other kind', async (t) => {
  const signing = new TokenIssuer({ alg: 'RS256' });
  const { authenticator } = await setup(t, { keys: signing.jwks.keys.map((key) => ({ ...key, alg: undefined })) });
  for (const alg of ['RS256', 'RS512', 'PS256', 'PS384']) {
    const token = await signing.sign(signing.claims(), { alg });
    t.equal(await rejectionCode(authenticator.authenticate(token)), 'none', alg);
  }
  t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'ERR_TOKEN_REFUSED');
});

t.test('an RSA key of less than 2048 bits verifies no token', async (t) => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const key = { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' };
  const { authenticator } = await setup(t, { keys: [key] });
  const content = `${encode({ alg: 'RS256', kid: 'weak' })}.${encode(issuer.claims())}`;
  const signature = sign('sha256', Buffer.from(content), weak.privateKey).toString('base64url');
  await t.rejects(authenticator.authenticate(`${content}.${signature}`), {
    code: 'ERR_TOKEN_REFUSED',
    message: /could not be verified with RS256 by key "weak"/,
  });
});

t.test('a key that is new in the file is taken at once, when the first token with it comes', async (t) => {
  const { authenticator, publish } = await setup(t);
  const next = new TokenIssuer({ kid: 'key-2' });
  publish(JSON.stringify({ keys: [...issuer.jwks.keys, ...next.jwks.keys] }));
  t.equal(await rejectionCode(authenticator.authenticate(await next.token())), 'none');
  t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'none');
});

t.test('a key that is gone from the file is refused a second later', async (t) => {
  const { authenticator, publish, advance } = await setup(t);
  publish(JSON.stringify(new TokenIssuer({ kid: 'key-2' }).jwks));
  advance(1000);
  t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'ERR_TOKEN_REFUSED');
});

t.test('unknown key ids make us read the file once a second at most', async (t) => {
  const { authenticator, publish, advance } = await setup(t);
  const next = new TokenIssuer({ kid: 'key-2' });
  t.equal(await rejectionCode(authenticator.authenticate(await next.token())), 'ERR_TOKEN_REFUSED');
  publish(JSON.stringify(next.jwks));
  t.equal(
    await rejectionCode(authenticator.authenticate(await next.token())),
    'ERR_TOKEN_REFUSED',
    'not read again yet',
  );
  advance(1000);
  t.equal(await rejectionCode(authenticator.authenticate(await next.token())), 'none');
});

for (const content of ['', '{"keys":', '{"keys":[]}', '[]']) {
  t.test(`a file that becomes "${content}" does not replace good keys`, async (t) => {
    const { authenticator, publish, advance, logged } = await setup(t);
    publish(content);
    advance(1000);
    t.equal(await rejectionCode(authenticator.authenticate(await issuer.token())), 'none');
    t.same(logged, ['token keys could not be reloaded, the old ones stay']);
  });
}

t.test('a clock that is set back does not keep us from reading', async (t) => {
  const { authenticator, publish, advance } = await setup(t);
  const next = new TokenIssuer({ kid: 'key-2' });
  publish(JSON.stringify(next.jwks));
  advance(-3_600_000);
  t.equal(
    await rejectionCode(authenticator.authenticate(await next.token('foo', 'sleep', { nbf: 0, iat: 0 }))),
    'none',
  );
});

const badFiles = [
  { name: 'no JSON', content: '-----BEGIN' },
  { name: 'no keys', content: '{"keys":[]}' },
  { name: 'no list of keys', content: '{"keys":{}}' },
  { name: 'a shared secret alone', content: '{"keys":[{"kty":"oct","k":"AAAA"}]}' },
  { name: 'a private key alone', content: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}' },
  { name: 'more than 256 kB', content: `{"keys":[]${' '.repeat(262_144)}}` },
];

for (const { name, content } of badFiles) {
  t.test(`a start with a key file of ${name} fails, naming the file`, async (t) => {
    const path = join(shortDir(t), 'jwks.json');
    writeFileSync(path, content);
    await t.rejects(open(path), { code: 'ERR_JWKS_INVALID', message: path });
  });
}

t.test('a start without a key file fails, naming it', async (t) => {
  await t.rejects(open('/nowhere/jwks.json'), { code: 'ERR_JWKS_INVALID', message: '/nowhere/jwks.json' });
});

function open(path: string): Promise<Authenticator> {
  return createJwksAuthenticator({
    ...{ path, issuers: [issuer.issuer], audiences: ['istio-ca'], logger: silentLogger, now: Date.now },
    ...{ trustDomain: TrustDomain.parse('cluster.local'), binding: 'any' },
  });
}
