import t from 'tap';
import { KnownIssuers } from '../../src/hotpath/js/known-issuers.js';
import { seal } from '../../src/hotpath/js/seal.js';
import { certificate, codeOf, ecKeys, HOUR_MS, NOW_MS, pem, pkcs8, SLEEP } from './pki.js';

const keys = ecKeys();
const root = { keys: ecKeys(), subject: 'root', isCa: true };
const middle = { keys: ecKeys(), subject: 'intermediate', isCa: true };
const leafShape = { keys, subject: '', uris: [SLEEP] };
const common = { privateKey: pkcs8(keys.privateKey), spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1 };

t.test('issuers are parsed once, and each answer has memory of its own', async (t) => {
  const issuers = new KnownIssuers();
  const chainPem = pem(certificate({ ...leafShape, issuer: middle }), certificate({ ...middle, issuer: root }));
  const request = { ...common, chainPem, bundlePem: pem(certificate(root)) };
  const [one, two] = [seal(request, issuers), seal(request, issuers)];
  t.equal(issuers.bundle(Buffer.from(request.bundlePem)), issuers.bundle(request.bundlePem));
  t.same(one, two);
  t.not(one.bundleBody.buffer, two.bundleBody.buffer);
  t.equal(one.bundleBody.buffer.byteLength, one.bundleBody.length);
});

t.test('what is kept of issuers does not outlive their time', async (t) => {
  const issuers = new KnownIssuers();
  const soon = { notAfterMs: NOW_MS + HOUR_MS / 2 };
  const later = { nowMs: NOW_MS + HOUR_MS / 2 + 1000 };
  const [leaf, middleOfSoon] = [
    certificate({ ...leafShape, issuer: middle }),
    certificate({ ...middle, issuer: root, ...soon }),
  ];
  const ofMiddle = { ...common, chainPem: pem(leaf, middleOfSoon), bundlePem: pem(certificate(root)) };
  const ofRoot = {
    ...common,
    chainPem: pem(certificate({ ...leafShape, issuer: root })),
    bundlePem: pem(certificate({ ...root, ...soon })),
  };
  for (const request of [ofMiddle, ofRoot]) {
    t.ok(seal(request, issuers));
    t.equal(
      codeOf(() => seal({ ...request, ...later }, issuers)),
      'ERR_SVID_UNTRUSTED',
    );
    t.ok(seal(request, issuers), 'and before that it is good');
  }
});

t.test('more issuers than are kept are all told apart', async (t) => {
  const issuers = new KnownIssuers();
  const meshes = Array.from({ length: 12 }, () => {
    const own = { keys: ecKeys(), subject: 'root', isCa: true };
    const between = { ...middle, keys: ecKeys() };
    const chain = [certificate({ ...leafShape, issuer: between }), certificate({ ...between, issuer: own })];
    return { chainPem: pem(...chain), bundlePem: pem(certificate(own)) };
  });
  for (const [i, { chainPem }] of meshes.entries()) {
    for (const [j, { bundlePem }] of meshes.entries()) {
      const code = codeOf(() => seal({ ...common, chainPem, bundlePem }, issuers));
      t.equal(code, i === j ? 'none' : 'ERR_SVID_UNTRUSTED');
    }
  }
});

t.test('a bundle that the caller changes afterwards is not the one that was kept', async (t) => {
  const issuers = new KnownIssuers();
  const bundlePem = pem(certificate(root));
  const request = { ...common, chainPem: pem(certificate({ ...leafShape, issuer: root })), bundlePem };
  t.ok(seal(request, issuers));
  bundlePem.fill(0);
  t.equal(
    codeOf(() => seal(request, issuers)),
    'ERR_BUNDLE_INVALID',
  );
});
