import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import protobuf from 'protobufjs';
import t from 'tap';
import type { SealRequest } from '../../src/hotpath/index.js';
import { envoy } from '../../src/net/protobuf/gen/messages.js';
import { subjectAltName } from '../../src/pki/x509/extension-writer.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { general } from '../support/odd-certificates.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { certificate, codeOf, ecKeys, HOUR_MS, NOW_MS, pem, pkcs8, SLEEP } from './pki.js';

const Secret = envoy.extensions.transport_sockets.tls.v3.Secret;

const keys = ecKeys();
const root = { keys: ecKeys(), subject: 'root' };
const middle = { keys: ecKeys(), subject: 'intermediate' };
const rootCertificate = certificate({ ...root, isCa: true });
const middleCertificate = certificate({ ...middle, issuer: root, isCa: true });
const leafShape = { keys, subject: '', issuer: middle, uris: [SLEEP] };
const leaf = certificate(leafShape);

function request(changes: Partial<SealRequest> = {}): SealRequest {
  return {
    privateKey: pkcs8(keys.privateKey),
    chainPem: pem(leaf, middleCertificate),
    bundlePem: pem(rootCertificate),
    spiffeId: SLEEP,
    nowMs: NOW_MS,
    minLifeMs: HOUR_MS / 2,
    ...changes,
  };
}

/** The request with another leaf in place of the right one. */
function withLeaf(changes: Partial<typeof leafShape> & { isCa?: boolean; dnsNames?: string[] }): Partial<SealRequest> {
  return { chainPem: pem(certificate({ ...leafShape, ...changes }), middleCertificate) };
}

const doubleSan = certificate({
  ...leafShape,
  more: [subjectAltName(general.uri('spiffe://cluster.local/ns/x/sa/root'))],
});
const strangerKeys = ecKeys();
const expired = { notBeforeMs: NOW_MS - 2 * HOUR_MS, notAfterMs: NOW_MS - 1000 };
const refused: { name: string; code: string; changes: Partial<SealRequest> }[] = [
  { name: 'an empty chain', code: 'ERR_SVID_MALFORMED', changes: { chainPem: Buffer.alloc(0) } },
  { name: 'a chain that is no PEM', code: 'ERR_SVID_MALFORMED', changes: { chainPem: leaf.raw } },
  {
    name: 'a key among the certificates',
    code: 'ERR_SVID_MALFORMED',
    changes: { chainPem: Buffer.concat([pem(leaf), encodePem('PRIVATE KEY', pkcs8(keys.privateKey))]) },
  },
  {
    name: 'a certificate that does not parse',
    code: 'ERR_SVID_MALFORMED',
    changes: { chainPem: encodePem('CERTIFICATE', leaf.raw.subarray(0, -1)) },
  },
  {
    name: 'bytes behind a certificate',
    code: 'ERR_SVID_MALFORMED',
    changes: { chainPem: encodePem('CERTIFICATE', Buffer.concat([leaf.raw, Buffer.from([5, 0])])) },
  },
  {
    name: 'thirty-three certificates',
    code: 'ERR_SVID_MALFORMED',
    changes: { chainPem: pem(...Array.from({ length: 33 }, () => leaf)) },
  },
  { name: 'a huge chain', code: 'ERR_SVID_MALFORMED', changes: { chainPem: Buffer.alloc(200_000, pem(leaf)) } },
  { name: 'a leaf that is a CA', code: 'ERR_SVID_MALFORMED', changes: withLeaf({ isCa: true }) },
  { name: 'a leaf for another key', code: 'ERR_SVID_KEY_MISMATCH', changes: withLeaf({ keys: strangerKeys }) },
  {
    name: 'another key in hand',
    code: 'ERR_SVID_KEY_MISMATCH',
    changes: { privateKey: pkcs8(strangerKeys.privateKey) },
  },
  { name: 'a key that does not parse', code: 'ERR_SVID_KEY_MISMATCH', changes: { privateKey: Buffer.from('key') } },
  {
    name: 'the intermediate first',
    code: 'ERR_SVID_KEY_MISMATCH',
    changes: { chainPem: pem(middleCertificate, leaf) },
  },
  { name: 'no SAN', code: 'ERR_SVID_IDENTITY_MISMATCH', changes: withLeaf({ uris: [] }) },
  { name: 'another identity', code: 'ERR_SVID_IDENTITY_MISMATCH', changes: withLeaf({ uris: [`${SLEEP}y`] }) },
  { name: 'another case', code: 'ERR_SVID_IDENTITY_MISMATCH', changes: withLeaf({ uris: [SLEEP.toUpperCase()] }) },
  { name: 'two URIs', code: 'ERR_SVID_IDENTITY_MISMATCH', changes: withLeaf({ uris: [SLEEP, `${SLEEP}2`] }) },
  { name: 'the same URI twice', code: 'ERR_SVID_IDENTITY_MISMATCH', changes: withLeaf({ uris: [SLEEP, SLEEP] }) },
  {
    name: 'a second URI beside a DNS name',
    code: 'ERR_SVID_IDENTITY_MISMATCH',
    changes: withLeaf({ uris: [SLEEP, 'https://a.example'], dnsNames: ['a.example'] }),
  },
  {
    name: 'a DNS name that looks like the URI',
    code: 'ERR_SVID_IDENTITY_MISMATCH',
    changes: withLeaf({ uris: [], dnsNames: [`URI:${SLEEP}`] }),
  },
  {
    name: 'one URI that looks like two names',
    code: 'ERR_SVID_IDENTITY_MISMATCH',
    changes: withLeaf({ uris: [`${SLEEP}, URI:${SLEEP}`] }),
  },
  { name: 'a NUL behind the URI', code: 'ERR_SVID_IDENTITY_MISMATCH', changes: withLeaf({ uris: [`${SLEEP}\0`] }) },
  {
    name: 'a second SAN extension',
    code: 'ERR_SVID_MALFORMED',
    changes: { chainPem: pem(doubleSan, middleCertificate) },
  },
  { name: 'an expected identity that is none', code: 'ERR_SPIFFE_ID_INVALID', changes: { spiffeId: 'spiffe://A/b' } },
  { name: 'a leaf of tomorrow', code: 'ERR_SVID_NOT_VALID_NOW', changes: { nowMs: NOW_MS - HOUR_MS - 1 } },
  { name: 'a leaf of yesterday', code: 'ERR_SVID_NOT_VALID_NOW', changes: { nowMs: NOW_MS + HOUR_MS + 1 } },
  { name: 'a leaf about to end', code: 'ERR_SVID_NOT_VALID_NOW', changes: { minLifeMs: HOUR_MS + 1 } },
  { name: 'an empty bundle', code: 'ERR_BUNDLE_INVALID', changes: { bundlePem: Buffer.alloc(0) } },
  { name: 'a leaf as bundle', code: 'ERR_BUNDLE_INVALID', changes: { bundlePem: pem(leaf) } },
  { name: 'an intermediate left out', code: 'ERR_SVID_UNTRUSTED', changes: { chainPem: pem(leaf) } },
  {
    name: 'a foreign root of the same name',
    code: 'ERR_SVID_UNTRUSTED',
    changes: { bundlePem: pem(certificate({ keys: ecKeys(), subject: 'root', isCa: true })) },
  },
  {
    name: 'a leaf signed by a key that is not the intermediate',
    code: 'ERR_SVID_UNTRUSTED',
    changes: withLeaf({ issuer: { keys: ecKeys(), subject: 'intermediate' } }),
  },
  {
    name: 'an intermediate that is no CA',
    code: 'ERR_SVID_UNTRUSTED',
    changes: { chainPem: pem(leaf, certificate({ ...middle, issuer: root })) },
  },
  {
    name: 'an intermediate that has ended',
    code: 'ERR_SVID_UNTRUSTED',
    changes: { chainPem: pem(leaf, certificate({ ...middle, issuer: root, isCa: true, ...expired })) },
  },
  {
    name: 'a root that has ended',
    code: 'ERR_SVID_UNTRUSTED',
    changes: { bundlePem: pem(certificate({ ...root, isCa: true, ...expired })) },
  },
];

for (const implementation of IMPLEMENTATIONS) {
  t.test(`by ${implementation.kind}`, async (t) => {
    const { seal } = implementation;
    t.test('a right chain becomes the two Secrets of Envoy', async (t) => {
      const sealed = seal(request());

      const { tlsCertificate } = Secret.decode(sealed.certificateBody);
      t.equal(String(tlsCertificate?.certificateChain?.inlineBytes), pem(leaf, middleCertificate).toString());
      const keyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
      t.equal(String(tlsCertificate?.privateKey?.inlineBytes), keyPem);
      t.ok(leaf.checkPrivateKey(createPrivateKey(String(tlsCertificate?.privateKey?.inlineBytes))));
      const { validationContext } = Secret.decode(sealed.bundleBody);
      t.equal(String(validationContext?.trustedCa?.inlineBytes), pem(rootCertificate).toString());
      t.equal(sealed.serial, leaf.serialNumber.toLowerCase());
      t.same([sealed.notBeforeMs, sealed.notAfterMs], [NOW_MS - HOUR_MS, NOW_MS + HOUR_MS]);
      t.equal(sealed.certificateBody.buffer.byteLength, sealed.certificateBody.length, 'memory of its own');
      t.equal(sealed.bundleBody.buffer.byteLength, sealed.bundleBody.length, 'memory of its own');
    });

    t.test('the official definitions read the same Secrets, and find nothing besides', async (t) => {
      const types = new protobuf.Root();
      const official = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map(
        (name) => `@grpc/grpc-js-xds/deps/${name}`,
      );
      const candidates = (file: string) =>
        [...official, 'protobufjs'].map((folder) => `node_modules/${folder}/${file}`);
      types.resolvePath = (_, file) => candidates(file).find(existsSync) ?? file;
      types.loadSync('envoy/extensions/transport_sockets/tls/v3/secret.proto', { keepCase: true });
      const Official = types.lookupType('envoy.extensions.transport_sockets.tls.v3.Secret');
      const sealed = seal(request());

      const certificateBody = Official.toObject(Official.decode(sealed.certificateBody), { bytes: String });
      const { certificate_chain, private_key } = certificateBody.tls_certificate;
      t.same(Object.keys(certificateBody), ['tls_certificate']);
      t.equal(
        Buffer.from(certificate_chain.inline_bytes, 'base64').toString(),
        pem(leaf, middleCertificate).toString(),
      );
      t.match(Buffer.from(private_key.inline_bytes, 'base64').toString(), /^-----BEGIN PRIVATE KEY-----\n/);
      const bundleBody = Official.toObject(Official.decode(sealed.bundleBody), { bytes: String });
      t.same(Object.keys(bundleBody), ['validation_context']);
      t.match(
        Buffer.from(bundleBody.validation_context.trusted_ca.inline_bytes, 'base64').toString(),
        /^-----BEGIN CERT/,
      );
    });

    t.test('the chain that Envoy gets is written anew: no comment, no text of the CA', async (t) => {
      const noisy = `Subject: leaf\r\n${pem(leaf)}\n\n# middle\n${pem(middleCertificate).toString().trimEnd()}`;
      const sealed = seal(request({ chainPem: Buffer.from(noisy) }));
      const { tlsCertificate } = Secret.decode(sealed.certificateBody);
      t.equal(String(tlsCertificate?.certificateChain?.inlineBytes), pem(leaf, middleCertificate).toString());
    });

    t.test('a leaf right below the root, and a bundle of several roots, are fine', async (t) => {
      const chainPem = pem(certificate({ ...leafShape, issuer: root }));
      const other = certificate({ keys: ecKeys(), subject: 'root', isCa: true });
      const sealed = seal(request({ chainPem, bundlePem: pem(other, rootCertificate) }));
      const { validationContext } = Secret.decode(sealed.bundleBody);
      t.equal(String(validationContext?.trustedCa?.inlineBytes), pem(other, rootCertificate).toString());
    });

    t.test('the ends of the validity belong to it', async (t) => {
      t.ok(seal(request({ nowMs: NOW_MS - HOUR_MS, minLifeMs: 0 })));
      t.ok(seal(request({ nowMs: NOW_MS + HOUR_MS, minLifeMs: 0 })));
      t.ok(seal(request({ minLifeMs: HOUR_MS })));
    });

    t.test('a leaf of a clock that is ahead of ours is proved for the moment when it begins', async (t) => {
      const begins = NOW_MS + 60_000;
      const ahead = withLeaf({ notBeforeMs: begins } as Partial<typeof leafShape>);
      const sealed = seal(request({ ...ahead, maxAheadMs: 60_000 }));
      t.equal(sealed.notBeforeMs, begins);
      const code = (changes: Partial<SealRequest>) => codeOf(() => seal(request({ ...ahead, ...changes })));
      t.equal(code({}), 'ERR_SVID_NOT_VALID_NOW', 'not without being told so');
      t.equal(code({ maxAheadMs: 59_999 }), 'ERR_SVID_NOT_VALID_NOW');
      t.ok(seal(request({ ...ahead, maxAheadMs: 60_000, minLifeMs: HOUR_MS - 60_000 })));
      t.equal(
        code({ maxAheadMs: 60_000, minLifeMs: HOUR_MS - 59_999 }),
        'ERR_SVID_NOT_VALID_NOW',
        'its life begins then',
      );
      const ends = { ...root, isCa: true, notAfterMs: begins - 1000 };
      t.equal(
        code({ maxAheadMs: 60_000, bundlePem: pem(certificate(ends)) }),
        'ERR_SVID_UNTRUSTED',
        'a root of the past',
      );
      const begun = { ...root, isCa: true, notBeforeMs: begins };
      t.ok(
        seal(request({ ...ahead, maxAheadMs: 60_000, bundlePem: pem(certificate(begun)) })),
        'a root as new as the leaf',
      );
    });

    t.test('an issuer of a clock that is ahead of ours is taken for the moment when it begins', async (t) => {
      const begins = NOW_MS + 60_000;
      const late = { isCa: true, notBeforeMs: begins } as const;
      const lateRoot = { bundlePem: pem(certificate({ ...root, ...late })) };
      const lateMiddle = { chainPem: pem(leaf, certificate({ ...middle, ...late, issuer: root })) };
      for (const changes of [lateRoot, lateMiddle, { ...lateRoot, ...lateMiddle }]) {
        const code = (more: Partial<SealRequest>) => codeOf(() => seal(request({ ...changes, ...more })));
        t.equal(seal(request({ ...changes, maxAheadMs: 60_000 })).notBeforeMs, begins);
        t.equal(code({}), 'ERR_SVID_UNTRUSTED');
        t.equal(code({ maxAheadMs: 59_999 }), 'ERR_SVID_UNTRUSTED');
        t.equal(
          code({ maxAheadMs: 60_000, minLifeMs: HOUR_MS - 59_999 }),
          'ERR_SVID_UNTRUSTED',
          'its life begins then',
        );
      }
      const both = pem(rootCertificate, certificate({ keys: ecKeys(), subject: 'other', ...late }));
      t.ok(
        seal(request({ maxAheadMs: 60_000, bundlePem: both })).notBeforeMs < NOW_MS,
        'a root of no concern delays nothing',
      );
    });

    for (const { name, code, changes } of refused) {
      t.test(`${name} is refused with ${code}`, async (t) =>
        t.equal(
          codeOf(() => seal(request(changes))),
          code,
        ),
      );
    }

    t.test('a refusal says what was got and expected, and nothing of the key', async (t) => {
      const other = certificate({ ...leafShape, uris: ['spiffe://cluster.local/ns/foo/sa/other'] });
      t.throws(() => seal(request({ chainPem: pem(other, middleCertificate) })), {
        message: `leaf subject alternative names: got URI:spiffe://cluster.local/ns/foo/sa/other, expected URI:${SLEEP} as the only URI`,
      });
    });

    t.test('sealing reads the key and leaves it as it was', async (t) => {
      const privateKey = pkcs8(keys.privateKey);
      seal(request({ privateKey }));
      t.ok(privateKey.equals(pkcs8(keys.privateKey)));
    });
  });
}

t.test('the test certificates themselves are sound', async (t) => {
  t.ok(new X509Certificate(pem(leaf)).checkIssued(middleCertificate));
});
