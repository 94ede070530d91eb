import { createHmac, X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { istio } from '../../src/net/protobuf/index.js';
import { openssl } from '../hotpath/pki.js';
import { startCitadel } from '../support/citadel.js';
import { type CertificateCall, CitadelCaller } from '../support/citadel-caller.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { openHotPath } from '../support/hot-path.js';
import { NO_ISTIO_CA, startIstioCa } from '../support/istio-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

// The same calls to istiod's own CA and to Citadel. Agents of either find the other's answers: the same status, and
// certificates of the same form. Where Citadel answers otherwise, the case says how and why.

const { IstioCertificateRequest } = istio.v1.auth;
const hotPath = openHotPath();

const DAY_SECONDS = 86_400;
const MAX_TTL_SECONDS = 90 * DAY_SECONDS;

interface Case {
  readonly name: string;
  readonly call: CertificateCall | ((good: Good) => CertificateCall | Promise<CertificateCall>);
  /** Of Citadel, where it is not istiod's; with the reason. */
  readonly ours?: { readonly code: status; readonly why: string };
}

/** What a call is made of that is right. */
interface Good {
  readonly issuer: TokenIssuer;
  readonly token: string;
  readonly csr: string;
}

const P256 = foreignCsr();
const NOW_SECONDS = Math.floor(Date.now() / 1000);

/** The same call with a token of other claims. */
const claims =
  (changes: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  async ({ issuer, csr }: Good): Promise<CertificateCall> => ({
    token: await issuer.sign({ ...issuer.claims(), ...changes }, header),
    csr,
  });

const csr =
  (text: string) =>
  ({ token }: Good): CertificateCall => ({ token, csr: text });

const fields = (entries: Record<string, string>) => ({
  fields: Object.fromEntries(Object.entries(entries).map(([name, stringValue]) => [name, { stringValue }])),
});

const metadata =
  (entries: Record<string, string>) =>
  ({ token }: Good): CertificateCall => ({
    token,
    bytes: Buffer.from(IstioCertificateRequest.encode({ csr: P256, metadata: fields(entries) }).finish()),
  });

/** The bits of a PEM text, with one of the last ones turned. */
function withBrokenSignature(pem: string): string {
  const der = Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');
  der[der.length - 5] = (der[der.length - 5] ?? 0) ^ 1;
  return asPem(der);
}

function asPem(der: Buffer, type = 'CERTIFICATE REQUEST'): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${type}-----`, ...lines, `-----END ${type}-----`, ''].join('\n');
}

const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');

const forged =
  (header: object, key: string) =>
  ({ issuer, csr }: Good) => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part(header)}.${part(issuer.claims())}`;
    const signature = key === '' ? '' : createHmac('sha256', key).update(text).digest('base64url');
    return { token: `${text}.${signature}`, csr };
  };

const cases: readonly Case[] = [
  { name: 'no token', call: { csr: P256 } },
  { name: 'a token without its scheme', call: ({ token, csr }) => ({ authorization: [token], csr }) },
  { name: 'the scheme in lower case', call: ({ token, csr }) => ({ authorization: [`bearer ${token}`], csr }) },
  {
    name: 'two spaces behind the scheme',
    ours: { code: status.UNAUTHENTICATED, why: 'RFC 6750 has one' },
    call: ({ token, csr }) => ({ authorization: [`Bearer  ${token}`], csr }),
  },
  { name: 'another scheme', call: ({ token, csr }) => ({ authorization: [`Basic ${token}`], csr }) },
  {
    name: 'another value before the token',
    call: ({ token, csr }) => ({ authorization: ['Basic eA==', `Bearer ${token}`], csr }),
  },
  { name: 'an empty token', call: ({ csr }) => ({ authorization: ['Bearer '], csr }) },
  { name: 'text for a token', call: { token: 'no-token', csr: P256 } },
  { name: 'a token of another issuer by name', call: claims({ iss: 'https://elsewhere' }) },
  {
    name: 'a token of another key',
    call: async ({ csr }) => ({ token: await new TokenIssuer({ alg: 'RS256' }).token(), csr }),
  },
  {
    name: 'a token of an unknown key id',
    ours: {
      code: status.OK,
      why: 'a hint: one of the known keys has signed it (RFC 7515 4.1.4), as API servers take it',
    },
    call: claims({}, { kid: 'another' }),
  },
  { name: 'a token without a signature', call: forged({ alg: 'none' }, '') },
  { name: 'a token signed with a public key as a secret', call: forged({ alg: 'HS256', kid: 'key-1' }, 'public') },
  { name: 'an expired token', call: claims({ exp: NOW_SECONDS - 3600 }) },
  { name: 'a token without an end', call: claims({ exp: undefined }) },
  { name: 'a token of an hour from now on', call: claims({ nbf: NOW_SECONDS + 3600 }) },
  { name: 'a token for others', call: claims({ aud: ['https://kubernetes.default.svc'] }) },
  { name: 'a token for others, too', call: claims({ aud: ['vault', 'istio-ca'] }) },
  {
    name: 'a token with one audience as text',
    ours: { code: status.OK, why: 'RFC 7519 4.1.3 allows it' },
    call: claims({ aud: 'istio-ca' }),
  },
  { name: 'a token without an audience', call: claims({ aud: undefined }) },
  { name: 'a token of a user', call: claims({ sub: 'admin' }) },
  { name: 'a token without a subject', call: claims({ sub: undefined }) },
  {
    name: 'a token of a service account without a name',
    ours: {
      code: status.UNAUTHENTICATED,
      why: 'no API server writes such a subject, and its SPIFFE ID would be of no workload, or of another one',
    },
    call: claims({ sub: 'system:serviceaccount:foo:' }),
  },
  {
    name: 'a token of a service account without a namespace',
    ours: {
      code: status.UNAUTHENTICATED,
      why: 'no API server writes such a subject, and its SPIFFE ID would be of no workload, or of another one',
    },
    call: claims({ sub: 'system:serviceaccount::sleep' }),
  },
  {
    name: 'a token of a subject with a further part',
    ours: {
      code: status.UNAUTHENTICATED,
      why: 'no API server writes such a subject, and its SPIFFE ID would be of no workload, or of another one',
    },
    call: claims({ sub: 'system:serviceaccount:foo:sleep:admin' }),
  },
  {
    name: 'a token of a group',
    ours: {
      code: status.UNAUTHENTICATED,
      why: 'no API server writes such a subject, and its SPIFFE ID would be of no workload, or of another one',
    },
    call: claims({ sub: 'system:serviceaccounts:foo:sleep' }),
  },
  {
    name: 'a namespace that is a path',
    ours: {
      code: status.UNAUTHENTICATED,
      why: 'no API server writes such a subject, and its SPIFFE ID would be of no workload, or of another one',
    },
    call: claims({ sub: 'system:serviceaccount:foo/sa/admin:sleep' }),
  },

  { name: 'no CSR', call: csr('') },
  { name: 'text for a CSR', call: csr('no CSR') },
  { name: 'PEM of no CSR', call: csr(asPem(Buffer.from('no CSR'))) },
  { name: 'a CSR as a PEM of another type', call: csr(asPem(derOf(P256), 'NEW CERTIFICATE REQUEST')) },
  {
    name: 'a CSR with the type of a certificate',
    ours: { code: status.INVALID_ARGUMENT, why: 'it is none' },
    call: csr(asPem(derOf(P256), 'CERTIFICATE')),
  },
  { name: 'a CSR with a broken signature', call: csr(withBrokenSignature(P256)) },
  { name: 'a CSR with octets behind it', call: csr(asPem(Buffer.concat([derOf(P256), Buffer.from([0])]))) },
  {
    name: 'two CSRs',
    ours: { code: status.INVALID_ARGUMENT, why: 'which one is meant is not said' },
    call: csr(`${P256}${foreignCsr()}`),
  },
  { name: 'text before the CSR', call: csr(`Certificate Request:\n${P256}`) },
  { name: 'text behind the CSR', call: csr(`${P256}more`) },
  { name: 'a P-256 key', call: csr(P256) },
  { name: 'a P-384 key', call: csr(foreignCsr({ key: 'P-384' })) },
  { name: 'an RSA-2048 key', call: csr(foreignCsr({ key: 'RSA-2048' })) },
  {
    name: 'an RSA-1024 key',
    ours: { code: status.INVALID_ARGUMENT, why: 'too short for any Envoy' },
    call: csr(foreignCsr({ key: 'RSA-1024' })),
  },
  {
    name: 'an Ed25519 key',
    ours: { code: status.INVALID_ARGUMENT, why: 'no Envoy takes it' },
    call: csr(foreignCsr({ key: 'Ed25519' })),
  },
  {
    name: 'a CSR for another identity',
    call: csr(foreignCsr({ extensions: ['subjectAltName=URI:spiffe://cluster.local/ns/kube-system/sa/admin'] })),
  },
  {
    name: 'a CSR for a DNS name',
    call: csr(foreignCsr({ extensions: ['subjectAltName=DNS:istiod.istio-system.svc'] })),
  },
  {
    name: 'a CSR for a CA',
    call: csr(
      foreignCsr({
        subject: '/O=cluster.local',
        extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign'],
      }),
    ),
  },

  { name: 'no time', call: ({ token, csr }) => ({ token, csr, validitySeconds: 0 }) },
  { name: 'a negative time', call: ({ token, csr }) => ({ token, csr, validitySeconds: -1 }) },
  { name: 'an hour', call: ({ token, csr }) => ({ token, csr, validitySeconds: 3600 }) },
  { name: 'the longest time', call: ({ token, csr }) => ({ token, csr, validitySeconds: MAX_TTL_SECONDS }) },
  { name: 'a second more', call: ({ token, csr }) => ({ token, csr, validitySeconds: MAX_TTL_SECONDS + 1 }) },
  {
    name: 'the longest time that a message can say',
    call: ({ token, csr }) => ({ token, csr, validitySeconds: 2 ** 53 }),
  },

  { name: 'an empty signer', call: metadata({ CertSigner: '' }) },
  {
    name: 'a signer',
    ours: { code: status.UNAUTHENTICATED, why: 'there is no signer of that name; istiod signs by its own CA' },
    call: metadata({ CertSigner: 'other' }),
  },
  {
    name: 'an empty impersonated identity',
    ours: { code: status.UNAUTHENTICATED, why: 'whatever the value is (ADR 20)' },
    call: metadata({ ImpersonatedIdentity: '' }),
  },
  {
    name: 'an impersonated identity',
    call: metadata({ ImpersonatedIdentity: 'spiffe://cluster.local/ns/foo/sa/admin' }),
  },
  { name: 'unknown metadata', call: metadata({ Unknown: 'x' }) },
  { name: 'an unknown header', call: ({ token, csr }) => ({ token, csr, metadata: { 'x-unknown': 'x' } }) },
  { name: 'the cluster', call: ({ token, csr }) => ({ token, csr, metadata: { clusterid: 'Kubernetes' } }) },
  {
    name: 'no message',
    ours: { code: status.INVALID_ARGUMENT, why: "the same call fails again, and Istio's agents repeat INTERNAL" },
    call: ({ token }) => ({ token, bytes: Buffer.from([0x0a, 0xff]) }),
  },
  { name: 'an empty message', call: ({ token }) => ({ token, bytes: Buffer.alloc(0) }) },
  { name: 'a wrong token with a wrong CSR', call: { token: 'no-token', csr: 'no CSR' } },
  { name: 'a message of five megabytes', call: ({ token }) => ({ token, csr: 'x'.repeat(5_000_000) }) },
];

/** Of one leaf, by openssl, what does not differ from one certificate to the next. */
function profileOf(elements: readonly string[]) {
  const [leaf = '', ...above] = elements;
  const { validFrom, validTo, subject, ca } = new X509Certificate(leaf);
  const text = openssl(['x509', '-text', '-noout'], Buffer.from(leaf));
  const extensions = text.slice(text.indexOf('X509v3 extensions:'), text.lastIndexOf('    Signature Algorithm'));
  return {
    elements: elements.length,
    certificatesAbove: above.map((pem) => pem.split('-----BEGIN').length - 1),
    ...{ subject, ca },
    seconds: (Date.parse(validTo) - Date.parse(validFrom)) / 1000,
    key: text.match(/Public Key Algorithm: .*/)?.[0],
    extensions: extensions
      .replace(/\s+/g, ' ')
      .replace(/([0-9A-F]{2}:){19}[0-9A-F]{2}/g, '<key identifier>')
      .trim(),
  };
}

t.test(
  'a name in the CSR is a name in the certificate of istiod, and none in that of Citadel',
  { skip: NO_ISTIO_CA },
  async (t) => {
    const { here, there } = await bothOf(t);
    const call = { token: await here.issuer.token(), csr: foreignCsr({ subject: '/CN=sleep' }) };
    const profiles = [profileOf((await here.caller.call(call)).elements), profileOf((await there.call(call)).elements)];
    t.strictSame(profiles[1], { ...profiles[0], subject: 'CN=spiffe://cluster.local/ns/foo/sa/sleep' });
  },
);

t.test('a signed token without a name ends istiod, and not Citadel', { skip: NO_ISTIO_CA }, async (t) => {
  const { here, there, istiod } = await bothOf(t);
  const call = { token: await here.issuer.token('foo', 'sleep', { sub: 'system:serviceaccount' }), csr: P256 };
  t.equal((await there.call(call)).code, status.UNAVAILABLE);
  t.not(await istiod.ended, 0);
  t.match(await istiod.log(), /index out of range/);
  t.equal((await here.caller.call(call)).code, status.UNAUTHENTICATED);
});

/** Both CAs, which accept the tokens of one issuer. */
async function bothOf(t: Test) {
  // Istiod takes RS256 alone by JWT_RULE.
  const issuer = new TokenIssuer({ alg: 'RS256' });
  const here = await startCitadel(t, hotPath, { issuer });
  const istiod = await startIstioCa(t, { issuer });
  return { here, istiod, there: new CitadelCaller(t, istiod) };
}

t.test('Citadel answers as istiod does', { skip: NO_ISTIO_CA }, async (t) => {
  const { here, there } = await bothOf(t);
  const { issuer } = here;
  const good = { issuer, token: await issuer.token(), csr: P256 };
  for (const { name, call: given, ours } of cases) {
    const call = typeof given === 'function' ? await given(good) : given;
    const [mine, theirs] = await Promise.all([here.caller.call(call), there.call(call)]);
    t.equal(status[mine.code], status[ours?.code ?? theirs.code], name);
    if (ours !== undefined) t.not(theirs.code, ours.code, `${name}: no longer an exception`);
    const issued = [mine, theirs].filter(({ code }) => code === status.OK).map(({ elements }) => profileOf(elements));
    for (const profile of issued) t.strictSame(profile, issued[0], name);
  }
});
