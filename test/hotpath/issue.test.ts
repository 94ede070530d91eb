import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { IssueItem } from '../../src/hotpath/implementation.js';
import { Signer } from '../../src/hotpath/index.js';
import { SignerCache } from '../../src/hotpath/js/loaded-signer.js';
import { prepare } from '../../src/hotpath/js/prepare.js';
import * as der from '../../src/pki/x509/der-writer.js';
import { subjectAltName } from '../../src/pki/x509/extension-writer.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { Oid } from '../../src/pki/x509/oids.js';
import { general } from '../support/odd-certificates.js';
import { IMPLEMENTATIONS } from './implementations.js';
import {
  certificate,
  codeOf,
  csrPem,
  derOf,
  ecKeys,
  HOUR_MS,
  NOW_MS,
  openssl,
  opensslBytes,
  pem,
  pkcs8,
  SLEEP,
  signedCsr,
} from './pki.js';

const rootPem = makeSelfSignedRoot({
  keyType: 'ec-p256',
  organization: 'cluster.local',
  notBeforeMs: NOW_MS - HOUR_MS,
  notAfterMs: NOW_MS + 1000 * HOUR_MS,
});
const signer = Signer.load(rootPem.certificatePem, rootPem.privateKeyPem);
const prepared = prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
const rsa2048 = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaAlgorithm = (arc: number) => der.sequence(der.objectIdentifier(`1.2.840.113549.1.1.${arc}`), der.nothing());
const ecAlgorithm = (arc: string) => der.sequence(der.objectIdentifier(`1.2.840.10045.4.${arc}`));

function item(changes: Partial<IssueItem> = {}): IssueItem {
  return {
    csrPem: prepared.csrPem,
    signer: signer.material,
    subjectAltNames: [SLEEP],
    notBeforeMs: NOW_MS - 120_000,
    notAfterMs: NOW_MS + 24 * HOUR_MS,
    ...changes,
  };
}

const csrDer = derOf(prepared.csrPem);
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
const compressed = (() => {
  const info = ecKeys().publicKey.export({ type: 'spki', format: 'der' });
  const point = Buffer.concat([Buffer.from([2]), info.subarray(27, 59)]);
  const algorithm = der.sequence(Oid.ecPublicKey, Oid.p256);
  const toBeSigned = der.sequence(
    der.unsignedInteger(Buffer.from([0])),
    der.sequence(),
    der.sequence(algorithm, der.bitString(point)),
  );
  return csrPem(der.sequence(toBeSigned, ecAlgorithm('3.2'), der.bitString(Buffer.from([0]))));
})();
/** A request whose SubjectPublicKeyInfo has something behind the key. */
const longKeyInfo = (({ publicKey, privateKey }) => {
  const info = publicKey.export({ type: 'spki', format: 'der' });
  const keyInfo = der.sequence(info.subarray(2), der.octetString(Buffer.alloc(0)));
  const toBeSigned = der.sequence(der.unsignedInteger(Buffer.from([0])), der.sequence(), keyInfo);
  const signature = der.bitString(sign('sha256', toBeSigned, privateKey));
  return csrPem(der.sequence(toBeSigned, ecAlgorithm('3.2'), signature));
})(ecKeys());
/** A request with one attribute. */
const withAttribute = (attribute: Buffer): Buffer => {
  const { publicKey, privateKey } = ecKeys();
  const attributes = Buffer.concat([Buffer.from([0xa0, attribute.length]), attribute]);
  const keyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const toBeSigned = der.sequence(der.unsignedInteger(Buffer.from([0])), der.sequence(), keyInfo, attributes);
  const signature = der.bitString(sign('sha256', toBeSigned, privateKey));
  return csrPem(der.sequence(toBeSigned, ecAlgorithm('3.2'), signature));
};
/** A request whose deepest element has so many around it. */
function nestedCsr(depth: number): Buffer {
  // Around what is nested here: the request, its part that is signed, the attributes, the attribute, its values.
  let value = der.sequence();
  for (let around = 5; around < depth; around += 1) value = der.sequence(value);
  return withAttribute(der.sequence(Oid.extensionRequest, Buffer.concat([Buffer.from([0x31, value.length]), value])));
}
const rsa = (options: { modulusLength: number; publicExponent?: number }) =>
  signedCsr(generateKeyPairSync('rsa', options), { algorithm: rsaAlgorithm(11) });
const refused: { name: string; code: string; csr: Buffer }[] = [
  { name: 'nothing', code: 'ERR_CSR_INVALID', csr: Buffer.alloc(0) },
  {
    name: 'an attribute without a type',
    code: 'ERR_CSR_INVALID',
    csr: withAttribute(der.sequence(der.sequence(), Buffer.from([0x31, 0]))),
  },
  {
    name: 'an attribute without a set of values',
    code: 'ERR_CSR_INVALID',
    csr: withAttribute(der.sequence(Oid.extensionRequest, der.sequence())),
  },
  { name: 'seventeen elements within each other', code: 'ERR_CSR_INVALID', csr: nestedCsr(17) },
  { name: 'an attribute that is none', code: 'ERR_CSR_INVALID', csr: withAttribute(der.octetString(Buffer.alloc(1))) },
  { name: 'DER without PEM', code: 'ERR_CSR_INVALID', csr: csrDer },
  { name: 'a huge text', code: 'ERR_CSR_INVALID', csr: Buffer.alloc(100_000, prepared.csrPem) },
  { name: 'two requests', code: 'ERR_CSR_INVALID', csr: Buffer.concat([prepared.csrPem, prepared.csrPem]) },
  { name: 'a certificate', code: 'ERR_CSR_INVALID', csr: rootPem.certificatePem },
  {
    name: 'a certificate in the dress of a CSR',
    code: 'ERR_CSR_INVALID',
    csr: csrPem(derOf(rootPem.certificatePem)),
  },
  { name: 'bytes behind the end', code: 'ERR_CSR_INVALID', csr: csrPem(Buffer.concat([csrDer, Buffer.from([0])])) },
  { name: 'the end cut off', code: 'ERR_CSR_INVALID', csr: csrPem(csrDer.subarray(0, -1)) },
  { name: 'an indefinite length', code: 'ERR_CSR_INVALID', csr: csrPem(indefinite(csrDer)) },
  { name: 'a length in a longer form', code: 'ERR_CSR_INVALID', csr: csrPem(longLength(csrDer)) },
  { name: 'a signature by another key', code: 'ERR_CSR_INVALID', csr: swapSignature(csrDer) },
  {
    name: 'SHA-1 with ECDSA',
    code: 'ERR_CSR_INVALID',
    csr: signedCsr(ecKeys(), { hash: 'sha1', algorithm: ecAlgorithm('1') }),
  },
  {
    name: 'SHA-1 with RSA',
    code: 'ERR_CSR_INVALID',
    csr: signedCsr(rsa2048, { hash: 'sha1', algorithm: rsaAlgorithm(5) }),
  },
  {
    name: 'MD5 with RSA',
    code: 'ERR_CSR_INVALID',
    csr: signedCsr(rsa2048, { hash: 'md5', algorithm: rsaAlgorithm(4) }),
  },
  {
    name: 'an algorithm of another kind of key',
    code: 'ERR_CSR_INVALID',
    csr: signedCsr(rsa2048, { algorithm: ecAlgorithm('3.2') }),
  },
  {
    name: 'attributes that are none',
    code: 'ERR_CSR_INVALID',
    csr: signedCsr(ecKeys(), { attributes: [der.sequence(Oid.extensionRequest)] }),
  },
  { name: 'a public key with something behind it', code: 'ERR_CSR_INVALID', csr: longKeyInfo },
  { name: 'RSA of 1024 bits', code: 'ERR_KEY_TYPE_UNSUPPORTED', csr: rsa({ modulusLength: 1024 }) },
  { name: 'P-521', code: 'ERR_KEY_TYPE_UNSUPPORTED', csr: signedCsr(ecKeys('P-521')) },
  { name: 'secp256k1', code: 'ERR_KEY_TYPE_UNSUPPORTED', csr: signedCsr(ecKeys('secp256k1')) },
  { name: 'RSA-PSS', code: 'ERR_KEY_TYPE_UNSUPPORTED', csr: signedCsr(pss, { algorithm: rsaAlgorithm(11) }) },
  { name: 'a compressed point', code: 'ERR_KEY_TYPE_UNSUPPORTED', csr: compressed },
  {
    name: 'an RSA exponent above 31 bits',
    code: 'ERR_KEY_TYPE_UNSUPPORTED',
    csr: rsa({ modulusLength: 2048, publicExponent: 2 ** 32 - 5 }),
  },
];

for (const implementation of IMPLEMENTATIONS) {
  t.test(`by ${implementation.kind}`, async (t) => {
    const issued = (changes: Partial<IssueItem> = {}) => implementation.issue(item(changes));

    t.test('a leaf has the profile of Istio', async (t) => {
      const { leafPem, serial, requestedUri } = issued();

      const text = openssl(['x509', '-text', '-noout'], leafPem);
      t.match(text, /Version: 3 \(0x2\)/);
      t.match(text, /Issuer: O = cluster.local\n/);
      t.match(text, /Subject: \n/);
      t.match(text, /Not Before: Nov 24 11:58:00 2026 GMT\s+Not After : Nov 25 12:00:00 2026 GMT/);
      const extensions = text.slice(text.indexOf('X509v3 extensions:'), text.lastIndexOf('    Signature Algorithm'));
      t.equal(
        extensions
          .replace(/\s+/g, ' ')
          .replace(/([0-9A-F]{2}:){19}[0-9A-F]{2}/, '<key identifier>')
          .trim(),
        'X509v3 extensions: X509v3 Key Usage: critical Digital Signature, Key Encipherment ' +
          'X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication ' +
          'X509v3 Basic Constraints: critical CA:FALSE ' +
          'X509v3 Authority Key Identifier: <key identifier> ' +
          `X509v3 Subject Alternative Name: critical URI:${SLEEP}`,
      );
      t.equal(openssl(['x509', '-serial', '-noout'], leafPem).trim().toLowerCase(), `serial=${serial}`);
      t.match(serial, /^[0-9a-f]{32}$/);
      t.equal(requestedUri, SLEEP);
      t.equal(leafPem.buffer.byteLength, leafPem.length, 'memory of its own');
    });

    t.test('openssl and Node verify the leaf, and it is for the key of the CSR', async (t) => {
      const { leafPem } = issued();
      const leaf = new X509Certificate(leafPem);
      t.ok(leaf.verify(signer.certificate.publicKey));
      t.ok(leaf.checkIssued(signer.certificate));
      t.equal(
        leaf.publicKey.export({ type: 'spki', format: 'pem' }),
        openssl(['req', '-pubkey', '-noout'], prepared.csrPem),
      );
      const dir = t.testdir({ 'root.pem': rootPem.certificatePem.toString(), 'leaf.pem': leafPem.toString() });
      const at = ['-attime', String(NOW_MS / 1000)];
      t.match(
        openssl(['verify', '-x509_strict', ...at, '-CAfile', join(dir, 'root.pem'), join(dir, 'leaf.pem')]),
        /: OK/,
      );
    });

    t.test('no serial comes twice, and each is positive with 128 bits', async (t) => {
      const serials = Array.from({ length: 50 }, () => new X509Certificate(issued().leafPem).serialNumber);
      t.equal(new Set(serials).size, 50);
      for (const serial of serials) t.match(serial, /^[0-9A-F]{32}$/);
    });

    t.test('dates after 2049 are told as well', async (t) => {
      const { leafPem } = issued({ notAfterMs: Date.UTC(2050, 0, 1) });
      t.match(openssl(['x509', '-enddate', '-noout'], leafPem), 'notAfter=Jan  1 00:00:00 2050 GMT');
    });

    t.test('each signer signs with its own algorithm, and names itself as issuer octet by octet', async (t) => {
      const cases = [
        { name: 'P-256', args: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], want: 'ecdsa-with-SHA256' },
        { name: 'P-384', args: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], want: 'ecdsa-with-SHA384' },
        { name: 'P-521', args: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521'], want: 'ecdsa-with-SHA512' },
        { name: 'RSA', args: ['-newkey', 'rsa:2048'], want: 'sha256WithRSAEncryption' },
      ];
      for (const { name, args, want } of cases) {
        const dir = t.testdir();
        const [keyFile, rootFile, leafFile] = ['key', 'root', 'leaf'].map((file) => join(dir, file)) as [
          string,
          string,
          string,
        ];
        const subject = ['-subj', '/C=DE/O=Größe, Ltd/CN=root', '-utf8', '-addext', 'keyUsage=critical,keyCertSign'];
        openssl(['req', '-x509', '-nodes', ...args, ...subject, '-keyout', keyFile, '-out', rootFile]);
        const certificatePem = opensslBytes(['x509', '-in', rootFile]);
        const foreign = Signer.load(certificatePem, opensslBytes(['pkey', '-in', keyFile]));
        const { leafPem } = issued({
          signer: foreign.material,
          notBeforeMs: Date.now(),
          notAfterMs: Date.now() + HOUR_MS,
        });
        writeFileSync(leafFile, leafPem);
        t.match(openssl(['verify', '-x509_strict', '-CAfile', rootFile, leafFile]), /: OK/, name);
        t.match(openssl(['x509', '-text', '-noout'], leafPem), `Signature Algorithm: ${want}`);
        t.equal(new X509Certificate(leafPem).issuer, foreign.certificate.subject);
      }
    });

    t.test('a signer without a SubjectKeyIdentifier is named by SHA-1 of its key', async (t) => {
      const keys = ecKeys();
      const foreign = Signer.load(
        pem(certificate({ keys, subject: 'bare', isCa: true })),
        Buffer.from(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      );
      const want = openssl(
        ['dgst', '-sha1', '-r'],
        keys.publicKey.export({ type: 'spki', format: 'der' }).subarray(26),
      );
      const text = openssl(['x509', '-text', '-noout'], issued({ signer: foreign.material }).leafPem);
      const identifier = /Authority Key Identifier: \s+([0-9A-F:]+)/.exec(text)?.[1];
      t.equal(identifier?.replaceAll(':', '').toLowerCase(), want.slice(0, 40));
    });

    t.test('names become URI, IP address or DNS name', async (t) => {
      const cases = [
        ['spiffe://td/ns/a/sa/b', 'URI:spiffe://td/ns/a/sa/b'],
        ['10.1.2.3', 'IP Address:10.1.2.3'],
        ['2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'],
        ['::', 'IP Address:0:0:0:0:0:0:0:0'],
        ['fe80::', 'IP Address:FE80:0:0:0:0:0:0:0'],
        ['1:2:3:4:5:6:7:8', 'IP Address:1:2:3:4:5:6:7:8'],
        ['::ffff:10.1.2.3', 'IP Address:0:0:0:0:0:FFFF:A01:203'],
        ['istiod.istio-system.svc', 'DNS:istiod.istio-system.svc'],
        ['*.example.com', 'DNS:*.example.com'],
      ] as const;
      for (const [name, want] of cases) {
        t.equal(new X509Certificate(issued({ subjectAltNames: [name] }).leafPem).subjectAltName, want);
      }
      const both = new X509Certificate(issued({ subjectAltNames: ['a.b', SLEEP] }).leafPem);
      t.equal(both.subjectAltName, `DNS:a.b, URI:${SLEEP}`);
      const refused = ['', 'a b', 'a,URI:x', 'a..b', 'fe80::1%eth0', 'ä.de', `${'a'.repeat(64)}.de`, 'a\0b'];
      for (const name of refused)
        t.equal(
          codeOf(() => issued({ subjectAltNames: [name] })),
          'ERR_INTERNAL',
          name,
        );
      t.equal(
        codeOf(() => issued({ subjectAltNames: ['spiffe://td/../x'] })),
        'ERR_SPIFFE_ID_INVALID',
      );
    });

    t.test('the CSRs of others are taken: of openssl, of Istio, of ztunnel', async (t) => {
      const keyFile = join(t.testdir(), 'key');
      writeFileSync(keyFile, opensslBytes(['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']));
      const request = (...args: string[]) => opensslBytes(['req', '-new', '-key', keyFile, ...args]);
      const san = ['-addext', `subjectAltName=URI:${SLEEP}`];
      const cases = [
        { name: 'subject with O empty or none, SAN not critical', csr: request('-subj', '/', ...san), uri: SLEEP },
        { name: 'a subject that we ignore', csr: request('-subj', '/O=a/CN=b', ...san), uri: SLEEP },
        { name: 'no extension at all', csr: request('-subj', '/CN=b'), uri: undefined },
        { name: 'two URIs', csr: request('-subj', '/', '-addext', 'subjectAltName=URI:a:b,URI:c:d'), uri: undefined },
        { name: 'SHA-512', csr: request('-subj', '/', '-sha512', ...san), uri: SLEEP },
        { name: 'the old label', csr: request('-subj', '/', '-newhdr', ...san), uri: SLEEP },
        {
          name: 'Windows line ends',
          csr: Buffer.from(String(request('-subj', '/')).replaceAll('\n', '\r\n')),
          uri: undefined,
        },
      ];
      for (const { name, csr, uri } of cases) t.equal(issued({ csrPem: csr }).requestedUri, uri, name);
    });

    t.test('a URI that would spoil a log line is not told', async (t) => {
      const attribute = (uri: string) =>
        der.sequence(Oid.extensionRequest, der.setOfOne(der.sequence(subjectAltName(general.uri(uri)))));
      const told = (uri: string) =>
        issued({ csrPem: signedCsr(ecKeys(), { attributes: [attribute(uri)] }) }).requestedUri;
      t.equal(told('spiffe://a/b'), 'spiffe://a/b');
      t.equal(told('spiffe://a/b\nlevel=error'), undefined);
      t.equal(told(`spiffe://a/${'b'.repeat(2048)}`), undefined);
    });

    for (const { name, code, csr } of refused) {
      t.test(`${name} is refused with ${code}`, async (t) =>
        t.equal(
          codeOf(() => issued({ csrPem: csr })),
          code,
        ),
      );
    }

    t.test('all algorithms that are fit for the key are taken', async (t) => {
      const cases = [
        ['sha256', '3.2', 11],
        ['sha384', '3.3', 12],
        ['sha512', '3.4', 13],
      ] as const;
      for (const [hash, ec, rsaArc] of cases) {
        t.ok(issued({ csrPem: signedCsr(ecKeys('P-384'), { hash, algorithm: ecAlgorithm(ec) }) }), `ECDSA ${hash}`);
        t.ok(issued({ csrPem: signedCsr(rsa2048, { hash, algorithm: rsaAlgorithm(rsaArc) }) }), `RSA ${hash}`);
      }
    });

    t.test('a signer that does not load is refused', async (t) => {
      const broken = (changes: object) =>
        codeOf(() => issued({ signer: { ...signer.material, id: 'broken', ...changes } }));
      t.equal(broken({ certificateDer: new SharedArrayBuffer(3) }), 'ERR_SIGNER_INVALID');
      t.equal(broken({ privateKeyDer: new SharedArrayBuffer(3) }), 'ERR_SIGNER_INVALID');
      const ed25519 = pkcs8(generateKeyPairSync('ed25519').privateKey);
      const memory = new SharedArrayBuffer(ed25519.length);
      new Uint8Array(memory).set(ed25519);
      t.equal(broken({ privateKeyDer: memory }), 'ERR_SIGNER_INVALID');
    });
  });
}

t.test('a thread keeps the signers that it used last, and only a few', async (t) => {
  const signers = new SignerCache();
  const first = signers.get(signer.material);
  t.equal(signers.get(signer.material), first, 'loaded once');
  for (let i = 0; i < 3; i++) signers.get({ ...signer.material, id: String(i) });
  t.equal(signers.get(signer.material), first, 'three others fit beside it');
  for (let i = 0; i < 4; i++) signers.get({ ...signer.material, id: String(i) });
  t.not(signers.get(signer.material), first, 'four others do not');
});

function indefinite(element: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x80]), element.subarray(4), Buffer.from([0, 0])]);
}

function longLength(element: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x83, 0]), element.subarray(2)]);
}

/** The request with the signature of another, equally well-formed one. */
function swapSignature(element: Buffer): Buffer {
  const otherDer = derOf(prepare({ spiffeId: SLEEP, keyType: 'ec-p256' }).csrPem);
  const info = element.subarray(4, 4 + infoLength(element));
  const tail = otherDer.subarray(4 + infoLength(otherDer));
  return csrPem(der.sequence(info, tail));
}

/** Length of CertificationRequestInfo with its three octets of header (0x30 0x81 n). */
function infoLength(csr: Buffer): number {
  return 3 + csr.readUInt8(6);
}
