import { status } from '@grpc/grpc-js';
import { SignJWT, UnsecuredJWT } from 'jose';
import t from 'tap';
import { istio } from '../../../src/net/protobuf/index.js';
import { derOf, csrPem as pemOf } from '../../hotpath/pki.js';
import { startCitadel } from '../../support/citadel.js';
import type { CertificateCall } from '../../support/citadel-caller.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const hotPath = openHotPath();
const goodCsr = foreignCsr();
const seconds = (): number => Math.floor(Date.now() / 1000);

interface Case {
  readonly name: string;
  /** The call, given who issues good tokens. */
  readonly call: (issuer: TokenIssuer) => Promise<CertificateCall> | CertificateCall;
  /** The code in the log. */
  readonly logs: string;
  /** The reason in the log. */
  readonly says: RegExp;
}

const withToken = (changes: Record<string, unknown>): Case['call'] => {
  return async (issuer) => ({ token: await issuer.token('foo', 'sleep', changes) });
};
const withAuthorization = (...values: string[]): Case['call'] => {
  return () => ({ authorization: values });
};

/** Whoever is not who it should be. All get the same words. (reference: Istio C4) */
const unauthenticated: readonly Case[] = [
  { name: 'no token', call: () => ({}), logs: 'ERR_TOKEN_MISSING', says: /got none/ },
  {
    name: 'two tokens',
    call: async (issuer) => {
      const value = `Bearer ${await issuer.token()}`;
      return { authorization: [`${value}, ${value}`] };
    },
    ...{ logs: 'ERR_TOKEN_MALFORMED', says: /authorization/ },
  },
  { name: 'an empty token', call: withAuthorization('Bearer'), logs: 'ERR_TOKEN_MALFORMED', says: /"Bearer <token>"/ },
  {
    name: 'a token without a scheme',
    call: async (issuer) => ({ authorization: [await issuer.token()] }),
    ...{ logs: 'ERR_TOKEN_MALFORMED', says: /"Bearer <token>"/ },
  },
  {
    name: 'a password',
    call: withAuthorization('Basic c2xlZXA6c2VjcmV0'),
    ...{ logs: 'ERR_TOKEN_MALFORMED', says: /"Bearer <token>"/ },
  },
  { name: 'no JWT', call: withAuthorization('Bearer secret'), logs: 'ERR_TOKEN_MALFORMED', says: /compact form/ },
  {
    name: 'a JWT cut in two',
    call: async (issuer) => ({ token: (await issuer.token()).slice(0, -22) }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /signature does not verify/ },
  },
  {
    name: 'an ended token',
    call: withToken({ exp: seconds() - 60 }),
    ...{ logs: 'ERR_TOKEN_EXPIRED', says: /expired \d+ s ago/ },
  },
  {
    name: 'a token for another audience',
    call: withToken({ aud: ['vault'] }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /claim aud: got \["vault"\], expected one of istio-ca/ },
  },
  {
    name: 'a token of another issuer',
    call: withToken({ iss: 'https://elsewhere' }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /claim iss: got "https:\/\/elsewhere"/ },
  },
  {
    name: 'a token that a stranger has signed under a known key id',
    call: async () => ({ token: await new TokenIssuer().token() }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /signature does not verify/ },
  },
  {
    name: 'a token signed by an unknown key',
    call: async () => ({ token: await new TokenIssuer({ kid: 'key-9' }).token() }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /got id "key-9"/ },
  },
  {
    name: 'a token without a signature',
    call: (issuer) => ({ token: new UnsecuredJWT(issuer.claims()).encode() }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /algorithm: got "none"/ },
  },
  {
    name: 'a token signed with our public key as a shared secret',
    call: async (issuer) => {
      const secret = issuer.publicKey.export({ type: 'spki', format: 'der' });
      return { token: await new SignJWT(issuer.claims()).setProtectedHeader({ alg: 'HS256' }).sign(secret) };
    },
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /algorithm: got "HS256"/ },
  },
  {
    name: 'the token of a person',
    call: withToken({ sub: 'alice', 'kubernetes.io': undefined }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /claim sub: got "alice"/ },
  },
  {
    name: 'a bad token and no CSR: who it is comes first',
    call: async () => ({ token: await new TokenIssuer().token(), csr: '' }),
    ...{ logs: 'ERR_TOKEN_REFUSED', says: /signature does not verify/ },
  },
];

t.test('the line of a refusal leads to the pod: the address, and whom the token claims to be', async (t) => {
  const { caller, logger } = await startCitadel(t, hotPath);
  await caller.call({ csr: goodCsr, token: await new TokenIssuer().token() });
  t.match(logger.of('certificate refused'), [
    {
      fields: {
        ...{ address: '127.0.0.1', claimed_subject: 'system:serviceaccount:foo:sleep' },
        ...{ claimed_pod: 'sleep-7d4b', connection: 1 },
      },
    },
  ]);
});

for (const { name, call, logs, says } of unauthenticated) {
  t.test(`unauthenticated: ${name}`, async (t) => {
    const { caller, issuer, logger } = await startCitadel(t, hotPath);
    const sent = { csr: goodCsr, ...(await call(issuer)) };
    t.strictSame(await caller.call(sent), {
      code: status.UNAUTHENTICATED,
      details: 'request authenticate failure',
      elements: [],
    });
    const refused = logger.of('certificate refused');
    t.match(refused, [{ level: 'warn', fields: { code: logs, reason: says, connection: 1 } }]);
    t.equal(refused.length, 1);
    const secrets = (sent.authorization ?? [sent.token ?? '']).flatMap((value) =>
      value.replace(/^\w+ ?/, '').split('.'),
    );
    for (const secret of secrets.filter((part) => part.length > 5)) t.notOk(logger.text.includes(secret), 'no token');
    t.equal(logger.of('certificate issued').length, 0);
  });
}

/** One bit of the signature is another. */
function badlySigned(csr: string): string {
  const der = derOf(Buffer.from(csr));
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
  return pemOf(der).toString();
}

function cut(csr: string): string {
  const der = derOf(Buffer.from(csr));
  return pemOf(der.subarray(0, der.length - 40)).toString();
}

function requestBytes(csr: string): Buffer {
  return Buffer.from(istio.v1.auth.IstioCertificateRequest.encode({ csr, validityDuration: 0 }).finish());
}

/** A request whose `validity_duration` (field 3) is the largest int64. */
const ENDLESS = Buffer.concat([requestBytes(goodCsr), Buffer.from('18ffffffffffffffff7f', 'hex')]);

/** What makes no certificate, whoever asks. (reference: Istio C6) */
const invalid: readonly (Omit<Case, 'call'> & { readonly sent: CertificateCall })[] = [
  { name: 'no CSR', sent: { csr: '' }, logs: 'ERR_CSR_INVALID', says: /got 0 characters/ },
  { name: 'garbage', sent: { csr: 'garbage' }, logs: 'ERR_CSR_INVALID', says: /CSR/ },
  {
    name: 'PEM of garbage',
    sent: { csr: pemOf(Buffer.from('garbage')).toString() },
    ...{ logs: 'ERR_CSR_INVALID', says: /CSR/ },
  },
  { name: 'a CSR cut off', sent: { csr: cut(goodCsr) }, logs: 'ERR_CSR_INVALID', says: /CSR/ },
  {
    name: 'a P-256 CSR that its key has not signed',
    sent: { csr: badlySigned(goodCsr) },
    ...{ logs: 'ERR_CSR_INVALID', says: /CSR/ },
  },
  {
    name: 'an RSA CSR that its key has not signed',
    sent: { csr: badlySigned(foreignCsr({ key: 'RSA-2048' })) },
    ...{ logs: 'ERR_CSR_INVALID', says: /CSR/ },
  },
  {
    name: 'a CSR of 16 kB and one character',
    sent: { csr: goodCsr.padEnd(16 * 1024 + 1) },
    ...{ logs: 'ERR_CSR_INVALID', says: /got 16385 characters, expected 1 to 16384/ },
  },
  {
    name: 'a weak RSA key',
    sent: { csr: foreignCsr({ key: 'RSA-1024' }) },
    ...{ logs: 'ERR_KEY_TYPE_UNSUPPORTED', says: /CSR/ },
  },
  {
    name: 'a key of another kind',
    sent: { csr: foreignCsr({ key: 'Ed25519' }) },
    ...{ logs: 'ERR_KEY_TYPE_UNSUPPORTED', says: /CSR/ },
  },
  {
    name: 'a second more than 90 days',
    sent: { csr: goodCsr, validitySeconds: 90 * 24 * 3600 + 1 },
    ...{ logs: 'ERR_TTL_TOO_LONG', says: /got 7776001 s, expected at most 7776000 s/ },
  },
  { name: 'for ever', sent: { bytes: ENDLESS }, logs: 'ERR_TTL_TOO_LONG', says: /expected at most/ },
  {
    name: 'bytes that are no message',
    sent: { bytes: Buffer.from([0x0a, 0xff]) },
    ...{ logs: 'ERR_REQUEST_INVALID', says: /got 2 bytes that do not parse/ },
  },
];

for (const { name, sent, logs, says } of invalid) {
  t.test(`invalid: ${name}`, async (t) => {
    const { caller, issuer, logger } = await startCitadel(t, hotPath);
    const { code, details } = await caller.call({ ...sent, token: await issuer.token() });
    t.equal(code, status.INVALID_ARGUMENT);
    t.match(details, /^CSR signing error \(.+\)$/);
    t.match(details, says);
    t.match(logger.of('certificate refused'), [{ level: 'warn', fields: { code: logs, reason: says } }]);
    t.equal(logger.of('certificate issued').length, 0);
    t.notMatch(logger.text, /BEGIN|MII/, 'the log has no CSR');
  });
}

const withMetadata = (fields: Record<string, object>): CertificateCall => ({
  bytes: Buffer.from(
    istio.v1.auth.IstioCertificateRequest.encode({ csr: goodCsr, validityDuration: 0, metadata: { fields } }).finish(),
  ),
});

const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const IMPERSONATION = 'request impersonation authentication failure';
const SIGNER = 'request names an unknown cert signer';

/** What a caller must not take a certificate of its own for. (reference: Istio C5, C16, C33) */
const notOurs = [
  { name: 'the identity of another', fields: { ImpersonatedIdentity: { stringValue: `${SLEEP}-2` } } },
  { name: 'the identity of its own', fields: { ImpersonatedIdentity: { stringValue: SLEEP } } },
  { name: 'an empty identity', fields: { ImpersonatedIdentity: { stringValue: '' } } },
  { name: 'an identity that is no text', fields: { ImpersonatedIdentity: { numberValue: 1 } } },
  { name: 'an identity that is nothing', fields: { ImpersonatedIdentity: {} } },
  {
    name: 'an identity among other keys',
    fields: { CertSigner: { stringValue: '' }, x: { boolValue: true }, ImpersonatedIdentity: { nullValue: 0 } },
  },
  { name: 'a signer', fields: { CertSigner: { stringValue: 'clusterissuers.example' } }, details: SIGNER },
  { name: 'a signer that is no text', fields: { CertSigner: { listValue: { values: [] } } }, details: SIGNER },
  { name: 'a signer of no kind', fields: { CertSigner: {} }, details: SIGNER },
];

for (const { name, fields, details = IMPERSONATION } of notOurs) {
  t.test(`a request for ${name} gets no certificate`, async (t) => {
    const { caller, issuer, logger } = await startCitadel(t, hotPath);
    const answer = await caller.call({ ...withMetadata(fields), token: await issuer.token() });
    t.strictSame(answer, { code: status.UNAUTHENTICATED, details, elements: [] });
    const code = details === SIGNER ? 'ERR_CERT_SIGNER_UNKNOWN' : 'ERR_IMPERSONATION_REFUSED';
    t.match(logger.of('certificate refused'), [{ level: 'warn', fields: { code, reason: /metadata/ } }]);
    t.equal(logger.of('certificate issued').length, 0);
  });
}

t.test('who it is comes before what it asks for', async (t) => {
  const { caller } = await startCitadel(t, hotPath);
  const sent = { ...withMetadata({ CertSigner: { stringValue: 'x' } }), token: await new TokenIssuer().token() };
  t.match(await caller.call(sent), { code: status.UNAUTHENTICATED, details: 'request authenticate failure' });
});

t.test('an empty signer, as agents send it, and keys of no meaning are none of our business', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  const fields = { CertSigner: { stringValue: '' }, other: { structValue: { fields: {} } } };
  t.equal((await caller.call({ ...withMetadata(fields), token: await issuer.token() })).code, status.OK);
});

t.test('unknown fields of every kind, and known ones of another type, are skipped', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  // Field 15 as a group with a text in it, as a varint, as 64 and as 32 bits; then the CSR as a varint, and the life as
  // a text.
  const unknown = Buffer.from('7b0a01617c' + '7801' + '790102030405060708' + '7d01020304' + '0801' + '1a0161', 'hex');
  const bytes = Buffer.concat([unknown, requestBytes(goodCsr), unknown]);
  t.equal((await caller.call({ bytes, token: await issuer.token() })).code, status.OK);
});

t.test('metadata that is no Struct makes a request invalid', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  const bytes = Buffer.concat([requestBytes(goodCsr), Buffer.from([0x22, 0x02, 0x0a, 0x7f])]);
  t.equal((await caller.call({ bytes, token: await issuer.token() })).code, status.INVALID_ARGUMENT);
});

t.test('a request of more than 64 kB is cut off before it is read', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  const { code } = await caller.call({ token: await issuer.token(), csr: 'A'.repeat(64 * 1024) });
  t.equal(code, status.RESOURCE_EXHAUSTED);
});

t.test('a message about a long CSR subject is short', async (t) => {
  const { caller, issuer, logger } = await startCitadel(t, hotPath);
  const uri = `spiffe://cluster.local/${'x'.repeat(1900)}`;
  const csr = foreignCsr({ extensions: [`subjectAltName=URI:${uri}`] });
  t.equal((await caller.call({ token: await issuer.token(), csr })).code, status.OK);
  t.equal(logger.of('csr asks for another identity than its token has').length, 1);
});

/** A signer that has ended, or nearly so. (reference: Istio C7, C9) */
t.test('a signer without a useful life left is an internal error, with the reason', async (t) => {
  const later = Date.now() + 11 * 365 * 24 * 3_600_000;
  const { caller, issuer, logger } = await startCitadel(t, hotPath, { now: () => later });
  const { code, details } = await caller.call({ token: await issuer.token(), csr: goodCsr });
  t.equal(code, status.INTERNAL);
  t.match(details, /^CSR signing error \(signing certificate: ends at .+\)$/);
  t.match(logger.of('certificate refused'), [{ fields: { code: 'ERR_CITADEL_NOT_READY' } }]);
});

t.test('after a refusal the same connection goes on', async (t) => {
  const { caller, issuer, logger } = await startCitadel(t, hotPath);
  t.equal((await caller.call({ csr: goodCsr })).code, status.UNAUTHENTICATED);
  t.equal((await caller.call({ csr: goodCsr, token: await issuer.token() })).code, status.OK);
  t.match(logger.of('certificate issued'), [{ fields: { connection: 1 } }]);
});
