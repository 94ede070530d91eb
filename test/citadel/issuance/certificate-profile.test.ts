import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { ecKeys, openssl, signedCsr } from '../../hotpath/pki.js';
import { startCitadel } from '../../support/citadel.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';

const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const hotPath = openHotPath();

/** What `openssl x509 -text` says of the extensions, in one line. (reference: Istio C20, C21) */
const EXTENSIONS =
  'X509v3 extensions: X509v3 Key Usage: critical Digital Signature, Key Encipherment ' +
  'X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication ' +
  'X509v3 Basic Constraints: critical CA:FALSE ' +
  'X509v3 Authority Key Identifier: <key identifier> ' +
  `X509v3 Subject Alternative Name: critical URI:${SLEEP}`;

function extensionsOf(leafPem: Buffer): string {
  const text = openssl(['x509', '-text', '-noout'], leafPem);
  const part = text.slice(text.indexOf('X509v3 extensions:'), text.lastIndexOf('    Signature Algorithm'));
  return part
    .replace(/\s+/g, ' ')
    .replace(/([0-9A-F]{2}:){19}[0-9A-F]{2}/, '<key identifier>')
    .trim();
}

const csrs = [
  { name: 'P-256 with nothing in it', csr: foreignCsr() },
  { name: 'RSA-2048', csr: foreignCsr({ key: 'RSA-2048' }) },
  { name: 'P-384', csr: foreignCsr({ key: 'P-384' }) },
  { name: 'its own SPIFFE ID, not critical', csr: foreignCsr({ extensions: [`subjectAltName=URI:${SLEEP}`] }) },
  {
    name: "another workload's SPIFFE ID",
    csr: foreignCsr({ extensions: ['subjectAltName=critical,URI:spiffe://cluster.local/ns/kube-system/sa/admin'] }),
  },
  {
    name: 'two SPIFFE IDs, a DNS name and an address',
    csr: foreignCsr({ extensions: [`subjectAltName=URI:${SLEEP},URI:spiffe://a/b,DNS:istiod.test,IP:10.0.0.1`] }),
  },
  {
    name: 'a subject, the right to sign certificates and other usages',
    csr: foreignCsr({
      subject: '/O=cluster.local/CN=root',
      extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign', 'extendedKeyUsage=codeSigning'],
    }),
  },
];

for (const { name, csr } of csrs) {
  t.test(`a CSR with ${name} gets the leaf of its token, and its own key`, async (t) => {
    const { caller, issuer, rootPem } = await startCitadel(t, hotPath);
    const { code, elements } = await caller.call({ token: await issuer.token('foo', 'sleep'), csr });
    t.equal(code, status.OK);
    const leafPem = Buffer.from(elements[0] ?? '');
    t.equal(extensionsOf(leafPem), EXTENSIONS);
    t.match(
      openssl(['x509', '-text', '-noout'], leafPem),
      /Version: 3 [\s\S]*Issuer: O = cluster\.local\n[\s\S]*Subject: \n/,
    );
    const leaf = new X509Certificate(leafPem);
    t.equal(
      leaf.publicKey.export({ type: 'spki', format: 'pem' }),
      openssl(['req', '-pubkey', '-noout'], Buffer.from(csr)),
    );
    t.ok(leaf.verify(new X509Certificate(rootPem).publicKey));
  });
}

t.test('an identity that has DNS names gets them beside its SPIFFE ID, and no other identity does', async (t) => {
  const path = '/ns/istio-system/sa/injector';
  const injector = `spiffe://cluster.local${path}`;
  const dnsNames = new Map([[path, ['injector.istio-system.svc', 'injector.istio-system']]]);
  const { caller, issuer } = await startCitadel(t, hotPath, { flags: { dnsNames } });
  const extensionsFor = async (namespace: string, account: string, csr = foreignCsr()) => {
    const { elements } = await caller.call({ token: await issuer.token(namespace, account), csr });
    return extensionsOf(Buffer.from(elements[0] ?? ''));
  };
  const names = `URI:${injector}, DNS:injector.istio-system.svc, DNS:injector.istio-system`;
  t.equal(await extensionsFor('istio-system', 'injector'), EXTENSIONS.replace(`URI:${SLEEP}`, names));
  const greedy = foreignCsr({ extensions: [`subjectAltName=URI:${injector},DNS:injector.istio-system.svc`] });
  t.equal(await extensionsFor('foo', 'sleep', greedy), EXTENSIONS);
});

t.test('serials are 128 random bits', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  const call = { token: await issuer.token(), csr: foreignCsr() };
  const answers = await Promise.all(Array.from({ length: 20 }, () => caller.call(call)));
  const serials = answers.map(({ elements }) => openssl(['x509', '-serial', '-noout'], Buffer.from(elements[0] ?? '')));
  for (const serial of serials) t.match(serial, /^serial=[0-9A-F]{32}\n$/);
  t.equal(new Set(serials).size, serials.length);
});

const HOUR = 3600;
const DAY = 24 * HOUR;
const ttls = [
  { name: 'none asked for is 24 hours', seconds: 0, want: DAY },
  { name: 'a negative one is 24 hours', seconds: -HOUR, want: DAY },
  { name: 'an hour', seconds: HOUR, want: HOUR },
  { name: 'the maximum of 90 days', seconds: 90 * DAY, want: 90 * DAY },
  { name: 'less than a useful life is raised to it', seconds: 1, want: 5 },
];

for (const { name, seconds, want } of ttls) {
  t.test(`ttl: ${name}; the leaf is valid from two minutes ago`, async (t) => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const { caller, issuer } = await startCitadel(t, hotPath, { now: () => nowMs + 789 });
    const { elements } = await caller.call({
      token: await issuer.token(),
      csr: foreignCsr(),
      validitySeconds: seconds,
    });
    const leaf = new X509Certificate(elements[0] ?? '');
    t.equal(Date.parse(leaf.validFrom), nowMs - 120_000);
    t.equal(Date.parse(leaf.validTo), nowMs + want * 1000);
  });
}

t.test('an agent that does not know our extras is served: other metadata, an empty cluster id', async (t) => {
  const { caller, issuer, logger } = await startCitadel(t, hotPath);
  const metadata = { clusterid: '', ca_header_a: 'b', 'x-other': 'c' };
  const { code } = await caller.call({ token: await issuer.token(), csr: foreignCsr(), metadata });
  t.equal(code, status.OK);
  t.match(logger.of('certificate issued'), [{ level: 'info', fields: { cluster_id: '', spiffe_id: SLEEP } }]);
});

t.test('the log tells what was issued to whom, and what the CSR asked for beside it', async (t) => {
  const { caller, issuer, logger } = await startCitadel(t, hotPath);
  const csr = foreignCsr({ extensions: ['subjectAltName=URI:spiffe://cluster.local/ns/foo/sa/other'] });
  const token = await issuer.token();
  const { elements } = await caller.call({ token, csr, metadata: { clusterid: 'Kubernetes' }, validitySeconds: 60 });
  const leaf = new X509Certificate(elements[0] ?? '');
  const serial = leaf.serialNumber.toLowerCase();
  t.match(logger.of('certificate issued'), [
    {
      level: 'info',
      fields: {
        ...{ spiffe_id: SLEEP, serial, connection: 1, caller: 'sleep-7d4b', cluster_id: 'Kubernetes', ttl_ms: 60_000 },
        not_after: new Date(leaf.validTo).toISOString(),
      },
    },
  ]);
  t.match(logger.of('csr asks for another identity than its token has'), [
    { level: 'warn', fields: { serial, csr_identity: 'spiffe://cluster.local/ns/foo/sa/other' } },
  ]);
  for (const part of token.split('.')) t.notOk(logger.text.includes(part), 'no part of the token');
});

t.test('openssl verifies a leaf by the root that comes with it', async (t) => {
  const { caller, issuer } = await startCitadel(t, hotPath);
  const csr = signedCsr(ecKeys()).toString();
  const { elements } = await caller.call({ token: await issuer.token(), csr });
  const directory = t.testdir();
  const [leaf, root] = ['leaf.pem', 'root.pem'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(leaf, elements[0] ?? '');
  writeFileSync(root, elements.at(-1) ?? '');
  t.match(openssl(['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', root, leaf]), /: OK/);
  t.match(openssl(['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', root, leaf]), /: OK/);
});
