import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { Signer } from '../../../src/hotpath/index.js';
import { IMPLEMENTATIONS } from '../../hotpath/implementations.js';
import { derOf, openssl } from '../../hotpath/pki.js';
import { authorityDirectory } from '../../support/authority-files.js';
import { startCitadel } from '../../support/citadel.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { istioLeaf, NO_GO_ISTIO_LEAF } from '../../support/go-istio-leaf.js';
import { openHotPath } from '../../support/hot-path.js';
import { opensslRoot, ROOT_KEY_TYPES } from '../../support/openssl-root.js';
import { TestCa } from '../../support/test-ca.js';
import { TokenIssuer } from '../../support/test-tokens.js';

/**
 * A leaf that crypto/x509 has made as Istio's CA does, and all that went into it. The CSRs are by crypto/x509 as well,
 * as pilot-agent makes them: the subject is an O without a character. (reference: Istio A36)
 */
interface GoldenLeaf {
  readonly name: string;
  readonly caCert: string;
  readonly caKey: string;
  readonly csr: string;
  readonly uri: string;
  readonly serial: string;
  readonly nowMs: number;
  readonly ttlMs: number;
  readonly leaf: string;
  /** DER in base64: what an EC key has signed, since each of its signatures is another one. */
  readonly signed: string;
}

const GOLDEN: readonly GoldenLeaf[] = JSON.parse(
  readFileSync(
    fileURLToPath(new URL('../../../../test/citadel/issuance/istio-golden-leaves.json', import.meta.url)),
    'utf8',
  ),
);
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const hotPath = openHotPath();

for (const golden of GOLDEN) {
  for (const implementation of IMPLEMENTATIONS) {
    t.test(`${implementation.kind}: ${golden.name}, octet by octet as Istio makes it`, async (t) => {
      const signer = Signer.load(Buffer.from(golden.caCert), Buffer.from(golden.caKey));
      const item = {
        ...{ csrPem: Buffer.from(golden.csr), signer: signer.material, subjectAltNames: [golden.uri] },
        ...{ notBeforeMs: golden.nowMs - 120_000, notAfterMs: golden.nowMs + golden.ttlMs },
      };
      const { leafPem } = implementation.issue(item, Buffer.from(golden.serial, 'hex'));
      const signed = Buffer.from(golden.signed, 'base64');
      const der = derOf(leafPem);
      // Behind tag and length of the whole: 30 82 and two octets.
      t.equal(der.subarray(4, 4 + signed.length).toString('hex'), signed.toString('hex'));
      t.ok(new X509Certificate(leafPem).verify(new X509Certificate(golden.caCert).publicKey));
      // PKCS#1 v1.5 signs the same octets by the same ones: the whole element is the same.
      if (signer.certificate.publicKey.asymmetricKeyType === 'rsa') t.equal(String(leafPem), golden.leaf);
      t.match(openssl(['asn1parse'], leafPem), /^ +0:d=0 +hl=4 .* SEQUENCE/);
      t.end();
    });
  }
}

const NOW_MS = Date.now();
const KEYS = ['P-256', 'P-384', 'RSA-2048'] as const;
const TTLS = [
  { name: 'the default', seconds: 0, ttlMs: 24 * 3_600_000 },
  { name: 'an hour', seconds: 3600, ttlMs: 3_600_000 },
];

for (const keyType of ROOT_KEY_TYPES) {
  for (const key of KEYS) {
    for (const { name, seconds, ttlMs } of TTLS) {
      const title = `an answer of Citadel for a ${key} CSR below ${keyType}, for ${name}, is that of Istio to the octet`;
      t.test(title, { skip: NO_GO_ISTIO_LEAF }, async (t) => {
        const root = opensslRoot(keyType);
        const { certificatePem, privateKeyPem } = root;
        const directory = authorityDirectory(t, { signer: root, roots: [root] });
        // Leaves end with their signer: a root of openssl begins now, and lives for a day.
        const nowMs = Math.floor(NOW_MS / 1000) * 1000;
        const notAfterMs = Date.parse(new X509Certificate(certificatePem).validTo);
        const { caller, issuer } = await startCitadel(t, hotPath, { directory, now: () => nowMs + 321 });
        const csr = foreignCsr({ key });
        const { code, elements } = await caller.call({ token: await issuer.token(), csr, validitySeconds: seconds });
        t.equal(code, status.OK);
        const [leaf = '', roots, ...more] = elements;
        const serial = new X509Certificate(leaf).serialNumber;
        const made = istioLeaf({
          ...{ caCert: String(certificatePem), caKey: String(privateKeyPem), csr, uri: SLEEP, serial, nowMs },
          ...{ ttlMs: Math.min(ttlMs, notAfterMs - nowMs), other: leaf },
        });
        t.equal(made.otherSigned, made.signed);
        t.equal(leaf.split('\n').length, made.leaf.split('\n').length, 'lines of the same length');
        if (keyType === 'rsa-2048') t.equal(leaf, made.leaf);
        t.equal(roots, String(certificatePem));
        t.equal(more.length, 0);
      });
    }
  }
}

t.test('the octets of the whole answer: each certificate an element, all roots one, and nothing else', async (t) => {
  const [root, other] = [TestCa.root('first'), TestCa.root('second')];
  const middle = root.intermediate('middle');
  const issuing = middle.intermediate('issuing');
  const directory = authorityDirectory(t, { signer: issuing, chain: [issuing, middle], roots: [root, other] });
  const { caller, issuer } = await startCitadel(t, hotPath, { directory });
  const { elements } = await caller.call({ token: await issuer.token(), csr: foreignCsr() });
  const [leaf = '', ...issuers] = elements;
  t.strictSame(
    issuers,
    [[issuing], [middle], [root, other]].map((part) => part.map(({ certificatePem }) => certificatePem).join('')),
  );
  t.match(
    leaf,
    /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n$/,
  );
});

/** Statuses and texts, to the character. (reference: Istio C4 to C7, C9, C16, C33) */
const UNKNOWN = new TokenIssuer();
const statuses: readonly {
  readonly name: string;
  readonly call: (good: string) => Promise<{ token?: string; csr?: string; validitySeconds?: number }>;
  readonly want: readonly [status, string | RegExp];
}[] = [
  { name: 'C4: no token', call: async () => ({ csr: foreignCsr() }), want: C4() },
  { name: 'C4: before a CSR is looked at', call: async () => ({ token: await UNKNOWN.token(), csr: 'x' }), want: C4() },
  {
    name: 'C4: before a TTL is looked at',
    call: async () => ({ token: await UNKNOWN.token(), csr: foreignCsr(), validitySeconds: 1e9 }),
    want: C4(),
  },
  {
    name: 'C6: a CSR that is none',
    call: async (token) => ({ token, csr: 'x' }),
    want: [status.INVALID_ARGUMENT, /^CSR signing error \([^\n]+\)$/],
  },
  {
    name: 'C6: a TTL above the maximum',
    call: async (token) => ({ token, csr: foreignCsr(), validitySeconds: 7_776_001 }),
    want: [status.INVALID_ARGUMENT, /^CSR signing error \([^\n]+7776001 s[^\n]+\)$/],
  },
  {
    name: 'C9: the maximum itself',
    call: async (token) => ({ token, csr: foreignCsr(), validitySeconds: 7_776_000 }),
    want: [status.OK, ''],
  },
  {
    name: 'C9: less than nothing is the default',
    call: async (token) => ({ token, csr: foreignCsr(), validitySeconds: -1 }),
    want: [status.OK, ''],
  },
];

function C4(): readonly [status, string] {
  return [status.UNAUTHENTICATED, 'request authenticate failure'];
}

for (const { name, call, want } of statuses) {
  t.test(`${name}: ${status[want[0]]}`, async (t) => {
    const { caller, issuer } = await startCitadel(t, hotPath);
    const { code, details, elements } = await caller.call(await call(await issuer.token()));
    t.equal(code, want[0]);
    if (typeof want[1] === 'string') t.equal(details, want[1]);
    else t.match(details, want[1]);
    t.equal(elements.length, code === status.OK ? 2 : 0);
  });
}
