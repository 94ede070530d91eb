import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { IssuingPolicy, readPolicyBytes } from '../../../src/citadel/policy/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { FLAG_TERMS, startCitadel } from '../../support/citadel.js';
import { CitadelCaller } from '../../support/citadel-caller.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';
import { shortDir } from '../../support/short-dir.js';
import { type LeafShape, TestCa } from '../../support/test-ca.js';

const hotPath = openHotPath();
const csr = foreignCsr();
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** A Citadel over a root that a test may sign with, too; or over an intermediate of it. */
async function open(
  t: Test,
  { hasIntermediate = false, hasClientCertificates = true, policy = FLAG_POLICY, now = Date.now } = {},
) {
  const root = TestCa.root();
  const signer = hasIntermediate ? root.intermediate() : root;
  const directory = shortDir(t);
  const files = {
    'ca-cert.pem': signer.certificatePem,
    'ca-key.pem': signer.privateKeyPem,
    'cert-chain.pem': hasIntermediate ? signer.certificatePem : '',
    'root-cert.pem': root.certificatePem,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { mode: 0o600 });
  const citadel = await startCitadel(t, hotPath, { directory, hasClientCertificates, policy: () => policy, now });
  const { address, rootPem } = citadel;
  const callerWith = (client: { certPem: Buffer; keyPem: Buffer }) =>
    new CitadelCaller(t, { address, rootPem, client });
  const leaf = (shape: LeafShape, ca = signer) => ca.server({ dnsNames: [], ipAddresses: [], ...shape });
  return { ...citadel, root, signer, callerWith, leaf };
}

const FLAG_POLICY = new IssuingPolicy(FLAG_TERMS);

const namesOf = ([leaf = '']: readonly string[]): string | undefined => new X509Certificate(leaf).subjectAltName;

for (const hasIntermediate of [false, true]) {
  t.test(`a caller renews by its certificate, without a token; intermediate: ${hasIntermediate}`, async (t) => {
    const { callerWith, leaf, logger } = await open(t, { hasIntermediate });
    const caller = callerWith(leaf({ uris: [SLEEP] }));
    for (const _ of [1, 2]) {
      const { code, elements } = await caller.call({ csr });
      t.equal(code, status.OK);
      t.equal(namesOf(elements), `URI:${SLEEP}`);
    }
    const fields = { spiffe_id: SLEEP, authenticated_by: 'client certificate', address: '127.0.0.1' };
    t.match(logger.of('certificate issued'), [{ fields }, { fields }]);
  });
}

t.test('a caller without a certificate has its token, as before', async (t) => {
  const { caller, issuer } = await open(t);
  t.equal((await caller.call({ token: await issuer.token(), csr })).code, status.OK);
  t.match(await caller.call({ csr }), { code: status.UNAUTHENTICATED, details: 'request authenticate failure' });
});

t.test('the certificate comes before the token', async (t) => {
  const { callerWith, leaf, issuer } = await open(t);
  const caller = callerWith(leaf({ uris: [SLEEP] }));
  const { elements } = await caller.call({ token: await issuer.token('bar', 'other'), csr });
  t.equal(namesOf(elements), `URI:${SLEEP}`);
});

t.test('the identity of an alias of the trust domain is that of the same path in it', async (t) => {
  const context = { trustDomain: TrustDomain.parse('cluster.local'), serverNames: [] };
  const read = await readPolicyBytes(Buffer.from('trustDomainAliases: [old.example]'), context);
  const policy = new IssuingPolicy(FLAG_TERMS, read.kind === 'ok' ? read.rules : undefined);
  const { callerWith, leaf } = await open(t, { policy });
  const { elements } = await callerWith(leaf({ uris: ['spiffe://old.example/ns/foo/sa/sleep'] })).call({ csr });
  t.equal(namesOf(elements), `URI:${SLEEP}`);
});

t.test('a certificate that expires while its connection lives is of no use any more, a token is', async (t) => {
  let aheadMs = 0;
  const { callerWith, leaf, issuer, logger } = await open(t, { now: () => Date.now() + aheadMs });
  const caller = callerWith(leaf({ uris: [SLEEP], notAfterMs: Date.now() + 600_000 }));
  t.equal((await caller.call({ csr })).code, status.OK);
  aheadMs = 601_000;
  t.match(await caller.call({ csr }), { code: status.UNAUTHENTICATED, details: 'request authenticate failure' });
  t.match(logger.of('certificate refused'), [
    { fields: { code: 'ERR_CLIENT_CERTIFICATE_REFUSED', reason: /client certificate: expired at/ } },
  ]);
  t.equal((await caller.call({ token: await issuer.token(), csr })).code, status.OK);
});

const foreign = TestCa.root('foreign');
const refused: readonly { name: string; shape: LeafShape; ca?: TestCa; says: RegExp }[] = [
  { name: 'of another root', shape: { uris: [SLEEP] }, ca: foreign, says: /no path to the bundle of cluster.local/ },
  { name: 'without a URI', shape: { dnsNames: ['sleep.test'] }, says: /URI names: got none/ },
  {
    name: 'with two URIs',
    shape: { uris: [SLEEP, `${SLEEP}-2`] },
    says: /URI names: got URI:.*, expected exactly one/,
  },
  {
    name: 'of another trust domain',
    shape: { uris: ['spiffe://other/ns/foo/sa/sleep'] },
    says: /trust domain: got other/,
  },
  { name: 'of no service account', shape: { uris: ['spiffe://cluster.local/vm/db'] }, says: /SPIFFE ID: got/ },
  {
    name: 'with a URI that is no SPIFFE ID',
    shape: { uris: ['https://cluster.local/ns/foo/sa/sleep'] },
    says: /SPIFFE ID/,
  },
  { name: 'that has expired', shape: { uris: [SLEEP], notAfterMs: Date.now() - 1000 }, says: /expired at/ },
  { name: 'that is not yet valid', shape: { uris: [SLEEP], notBeforeMs: Date.now() + 60_000 }, says: /not yet valid/ },
];
for (const { name, shape, ca, says } of refused) {
  t.test(`a connection with a certificate ${name} is ended, whatever token it brings`, async (t) => {
    const { callerWith, leaf, issuer, logger } = await open(t);
    const { code } = await callerWith(leaf(shape, ca)).call({ token: await issuer.token(), csr });
    t.equal(code, status.UNAVAILABLE);
    const [line] = logger.of('connection refused for its client certificate');
    t.match(line, { level: 'warn', fields: { address: '127.0.0.1', reason: says } });
    t.equal(logger.of('certificate issued').length, 0);
  });
}

t.test('without the setting no certificate is asked for, and one alone is no credential', async (t) => {
  const { callerWith, leaf } = await open(t, { hasClientCertificates: false });
  const { code } = await callerWith(leaf({ uris: [SLEEP] })).call({ csr });
  t.equal(code, status.UNAUTHENTICATED);
});

t.test('with certificates bound to credentials none outlives the one that it was renewed by', async (t) => {
  const policy = new IssuingPolicy({ ...FLAG_TERMS, bindsToToken: true });
  const { callerWith, leaf } = await open(t, { policy });
  const notAfterMs = Math.floor(Date.now() / 1000) * 1000 + 600_000;
  const { elements } = await callerWith(leaf({ uris: [SLEEP], notAfterMs })).call({ csr, validitySeconds: 3600 });
  t.equal(Date.parse(new X509Certificate(elements[0] ?? '').validTo), notAfterMs);
});
