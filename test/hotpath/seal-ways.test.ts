import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { SealRequest } from '../../src/hotpath/index.js';
import * as der from '../../src/pki/x509/der-writer.js';
import {
  authorityKeyIdentifier,
  serverAndClientAuth,
  subjectKeyIdentifier,
} from '../../src/pki/x509/extension-writer.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { seededRandom } from '../support/prng.js';
import { loadTestAddon, type TestAddon } from '../support/test-addon.js';
import { certificate, ecKeys, HOUR_MS, type KeyPair, NOW_MS, openssl, pem, pkcs8, SLEEP } from './pki.js';

/** The addon seals plain chains by a way of their own; this holds it against the general one, and `openssl verify`. */
const load = loadTestAddon();
const skip = load.kind === 'absent' && load.reason;
const addon = load.kind === 'loaded' ? load.addon : (undefined as unknown as TestAddon);

const keys = ecKeys();
const root = { keys: ecKeys(), subject: 'root', isCa: true, more: [subjectKeyIdentifier(Buffer.from('root'))] };
const middle = { keys: ecKeys('P-384'), subject: 'middle', isCa: true };
const lower = { keys: ecKeys(), subject: 'lower', isCa: true };
const rsaRoot = { keys: generateKeyPairSync('rsa', { modulusLength: 2048 }), subject: 'rsa', isCa: true };
const leafShape = { keys, subject: '', uris: [SLEEP] };
const strong = ecKeys('P-384');
const fromRoot = [serverAndClientAuth(), authorityKeyIdentifier(Buffer.from('root'))];
const ofMiddle = certificate({ ...middle, issuer: root });
const rootPem = pem(certificate(root));

interface Shape {
  readonly name: string;
  readonly chain: readonly Buffer[];
  readonly bundlePem: Buffer;
  readonly signedBy: KeyPair;
  readonly leafKeys?: KeyPair;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'root and leaf',
    chain: [certificate({ ...leafShape, issuer: root, more: fromRoot }).raw],
    bundlePem: rootPem,
    signedBy: root.keys,
  },
  {
    name: 'an intermediate',
    chain: [certificate({ ...leafShape, issuer: middle }).raw, ofMiddle.raw],
    bundlePem: Buffer.concat([pem(certificate({ keys: ecKeys(), subject: 'other', isCa: true })), rootPem]),
    signedBy: middle.keys,
  },
  {
    name: 'two intermediates',
    chain: [
      certificate({ ...leafShape, issuer: lower }).raw,
      certificate({ ...lower, issuer: middle }).raw,
      ofMiddle.raw,
    ],
    bundlePem: rootPem,
    signedBy: lower.keys,
  },
  {
    name: 'a leaf of P-384',
    chain: [certificate({ ...leafShape, keys: strong, issuer: root }).raw],
    bundlePem: rootPem,
    signedBy: root.keys,
    leafKeys: strong,
  },
];

function requestOf({ chain, bundlePem, leafKeys = keys }: Shape): SealRequest {
  return {
    privateKey: pkcs8(leafKeys.privateKey),
    chainPem: Buffer.concat(chain.map((one) => encodePem('CERTIFICATE', one))),
    bundlePem,
    spiffeId: SLEEP,
    nowMs: NOW_MS,
    minLifeMs: 1000,
  };
}

type Way = 'sealBatch' | 'sealBatchAny' | 'sealBatchPlain';

/** The code of the refusal, or all that came out, in hex. */
function sealedBy(way: Way, request: SealRequest): string {
  const { privateKey, chainPem, bundlePem, spiffeId, nowMs, minLifeMs, maxAheadMs = 0 } = request;
  const [answer] = addon[way]([[privateKey, chainPem, bundlePem, spiffeId, nowMs, minLifeMs, maxAheadMs]]);
  if (answer === undefined) throw new Error('no answer');
  if (answer.length === 2) return answer[0];
  const [certificateBody, bundleBody, ...others] = answer;
  return [Buffer.from(certificateBody).toString('hex'), Buffer.from(bundleBody).toString('hex'), ...others].join(' ');
}

const isSealed = (answer: string) => !answer.startsWith('ERR_');

function mutated(bytes: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  const at = below(bytes.length);
  const copy = Buffer.from(bytes);
  switch (below(5)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
    case 2:
      copy.writeUInt8(below(256), at);
      return copy;
    default:
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << below(8)), at);
      return copy;
  }
}

/** The leaf with its content mutated and then signed again by its issuer: what a CA could make, wrong in form alone. */
function signedAgain(leaf: Buffer, { privateKey }: KeyPair, random: () => number): Buffer {
  const toBeSigned = leaf.subarray(4, 8 + leaf.readUInt16BE(6));
  const changed = mutated(toBeSigned, random);
  const algorithm = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
  return der.sequence(changed, algorithm, der.bitString(sign('sha256', changed, privateKey)));
}

/** One to three parts of a right request, changed. */
function changedRequest(shape: Shape, random: () => number): SealRequest {
  const below = (limit: number) => Math.floor(random() * limit);
  const chain = [...shape.chain];
  const first = chain[0] ?? Buffer.alloc(0);
  const at = below(chain.length);
  const kind = below(10);
  if (kind < 5) chain[0] = signedAgain(first, shape.signedBy, random);
  else if (kind === 5) chain[at] = mutated(chain[at] ?? first, random);
  else if (kind === 6) chain.reverse();
  const request = requestOf({ ...shape, chain });
  if (kind === 7) return { ...request, bundlePem: mutated(request.bundlePem, random) };
  if (kind === 8) return { ...request, privateKey: mutated(request.privateKey, random) };
  if (kind === 9) return { ...request, nowMs: NOW_MS + (random() - 0.5) * 4 * HOUR_MS, maxAheadMs: random() * HOUR_MS };
  return request;
}

function verifies(directory: string, { chainPem, bundlePem, nowMs }: SealRequest): string {
  const file = (name: string, content: Buffer) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const roots = ['-CAfile', file('roots.pem', bundlePem), '-no-CApath'];
  const chain = file('chain.pem', chainPem);
  return openssl(['verify', '-attime', `${Math.floor(nowMs / 1000)}`, ...roots, '-untrusted', chain, chain]);
}

for (const shape of SHAPES) {
  t.test(`${shape.name}: the plain way takes it, as the general one does to the octet`, { skip }, async (t) => {
    const request = requestOf(shape);
    const plain = sealedBy('sealBatchPlain', request);
    t.ok(isSealed(plain), plain);
    t.equal(plain, sealedBy('sealBatchAny', request));
    t.equal(plain, sealedBy('sealBatchPlain', request), 'and again, with what was kept of the issuers');
    t.match(verifies(t.testdir(), request), /: OK/);
  });

  t.test(`${shape.name}: nothing passes the plain way that the general one refuses`, { skip }, async (t) => {
    const accepted: SealRequest[] = [];
    const wrong: string[] = [];
    for (let seed = 1; seed <= 1500; seed++) {
      const request = changedRequest(shape, seededRandom(seed));
      const plain = sealedBy('sealBatchPlain', request);
      const general = sealedBy('sealBatchAny', request);
      if (isSealed(plain)) accepted.push(request);
      if (isSealed(plain) && plain !== general) wrong.push(`seed ${seed}: plain but ${general}`);
      if (sealedBy('sealBatch', request) !== general) wrong.push(`seed ${seed}: not ${general}`);
    }
    t.same(wrong, []);
    t.ok(accepted.length > 50, `${accepted.length} accepted: the comparison means something`);
    const chains = new Map(accepted.map((request) => [request.chainPem.toString(), request]));
    const directory = t.testdir();
    for (const request of [...chains.values()].slice(0, 15)) t.match(verifies(directory, request), /: OK/);
  });
}

t.test('what was kept of issuers does not outlive their time', { skip }, async (t) => {
  const soon = { notAfterMs: NOW_MS + HOUR_MS / 2 };
  const bundlePem = pem(certificate({ ...root, ...soon }));
  const middlePem = pem(certificate({ ...middle, issuer: root, ...soon }));
  for (const chainPem of [
    pem(certificate({ ...leafShape, issuer: root })),
    Buffer.concat([pem(certificate({ ...leafShape, issuer: middle })), middlePem]),
  ]) {
    const request = { ...requestOf(SHAPES[0] as Shape), chainPem, bundlePem };
    t.ok(isSealed(sealedBy('sealBatchPlain', request)));
    const later = { ...request, nowMs: NOW_MS + HOUR_MS / 2 + 1000 };
    t.equal(sealedBy('sealBatchPlain', later), 'ERR_INTERNAL');
    t.equal(sealedBy('sealBatch', later), 'ERR_SVID_UNTRUSTED');
    t.ok(isSealed(sealedBy('sealBatchPlain', request)), 'and it is still there');
  }
});

t.test('more issuers than are kept are all told apart', { skip }, async (t) => {
  const meshes = Array.from({ length: 10 }, () => {
    const own = { keys: ecKeys(), subject: 'root', isCa: true };
    return { chainPem: pem(certificate({ ...leafShape, issuer: own })), bundlePem: pem(certificate(own)) };
  });
  for (const [i, { chainPem }] of meshes.entries()) {
    for (const [j, { bundlePem }] of meshes.entries()) {
      const request = { ...requestOf(SHAPES[0] as Shape), chainPem, bundlePem };
      t.equal(isSealed(sealedBy('sealBatchPlain', request)), i === j);
      t.equal(isSealed(sealedBy('sealBatch', request)), i === j);
    }
  }
});

t.test('a leaf that an RSA root has signed is taken, and with one bit turned refused', { skip }, async (t) => {
  const { raw } = certificate({ ...leafShape, issuer: rsaRoot });
  const content = raw.subarray(8, 8 + raw.readUInt16BE(6));
  const ecdsa = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
  const rsa = der.sequence(der.objectIdentifier('1.2.840.113549.1.1.11'), Buffer.from([5, 0]));
  const at = content.indexOf(ecdsa);
  const toBeSigned = der.sequence(content.subarray(0, at), rsa, content.subarray(at + ecdsa.length));
  const signature = sign('sha256', toBeSigned, rsaRoot.keys.privateKey);
  const bundlePem = pem(certificate(rsaRoot));
  const requestWith = (bits: Buffer) => {
    const chain = [der.sequence(toBeSigned, rsa, der.bitString(bits))];
    return requestOf({ ...(SHAPES[0] as Shape), chain, bundlePem });
  };

  const plain = sealedBy('sealBatchPlain', requestWith(signature));
  t.ok(isSealed(plain), plain);
  t.equal(plain, sealedBy('sealBatchAny', requestWith(signature)));
  signature.writeUInt8(signature.readUInt8(100) ^ 1, 100);
  t.equal(sealedBy('sealBatchPlain', requestWith(signature)), 'ERR_INTERNAL');
  t.equal(sealedBy('sealBatch', requestWith(signature)), 'ERR_SVID_UNTRUSTED');
});
