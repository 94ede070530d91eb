import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { IdentityError } from '../../src/errors/index.js';
import { Signer } from '../../src/hotpath/index.js';
import { prepare } from '../../src/hotpath/js/prepare.js';
import { encodePem, makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { certificate, csrPem, derOf, ecKeys, HOUR_MS, NOW_MS, pem, pkcs8, SLEEP } from './pki.js';

/**
 * Numbers that look random and are the same in each run (mulberry32), so that a failure can be had again: a second run
 * of the suite draws nothing new, `npm run fuzz` does.
 */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** `bytes` with one bit turned, or one octet replaced, left out or doubled. */
function mutated(bytes: Buffer, draw: (below: number) => number): Buffer {
  const at = draw(bytes.length);
  const copy = Buffer.from(bytes);
  switch (draw(6)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
    case 2:
      copy.writeUInt8(draw(256), at);
      return copy;
    default:
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << draw(8)), at);
      return copy;
  }
}

/** What `act` makes, or the IdentityError that it throws; any other error fails the test. */
function resultOf<T>(act: () => T): T | IdentityError {
  try {
    return act();
  } catch (error) {
    if (error instanceof IdentityError && error.code !== 'ERR_INTERNAL') return error;
    throw error;
  }
}

const rootPem = makeSelfSignedRoot({
  keyType: 'ec-p256',
  organization: 'cluster.local',
  notBeforeMs: NOW_MS - HOUR_MS,
  notAfterMs: NOW_MS + HOUR_MS,
});
const signer = Signer.load(rootPem.certificatePem, rootPem.privateKeyPem);
const keys = ecKeys();
const root = { keys: ecKeys(), subject: 'root' };
const middle = { keys: ecKeys(), subject: 'intermediate' };
const middleCertificate = certificate({ ...middle, issuer: root, isCa: true });
const leaf = certificate({ keys, subject: '', issuer: middle, uris: [SLEEP] });
const bundlePem = pem(certificate({ ...root, isCa: true }));

for (const implementation of IMPLEMENTATIONS) {
  t.test(`by ${implementation.kind}`, async (t) => {
    const leafFor = (pemText: Buffer) => {
      const names = { subjectAltNames: [SLEEP], notBeforeMs: NOW_MS, notAfterMs: NOW_MS + HOUR_MS };
      return implementation.issue({ csrPem: pemText, signer: signer.material, ...names });
    };

    for (const keyType of ['ec-p256', 'rsa-2048'] as const) {
      t.test(`no mutation of a CSR's DER is accepted (${keyType})`, async (t) => {
        const draw = numbers(1);
        const original = derOf(prepare({ spiffeId: SLEEP, keyType }).csrPem);
        const accepted = Array.from({ length: 2000 }, () => mutated(original, draw))
          .filter((der) => !der.equals(original))
          .filter((der) => !(resultOf(() => leafFor(csrPem(der))) instanceof IdentityError));
        t.same(
          accepted.map((der) => der.toString('hex')),
          [],
        );
      });
    }

    t.test('a mutation of the PEM text of a CSR is refused, or spells the same request', async (t) => {
      const draw = numbers(2);
      const original = prepare({ spiffeId: SLEEP, keyType: 'ec-p256' }).csrPem;
      const accepted = Array.from({ length: 2000 }, () => mutated(original, draw)).filter(
        (text) => !(resultOf(() => leafFor(text)) instanceof IdentityError),
      );
      const wrong = accepted.filter((text) => !derOf(text).equals(derOf(original)));
      t.same(wrong.map(String), []);
    });

    const sealing = (chainPem: Buffer) =>
      implementation.seal({
        privateKey: pkcs8(keys.privateKey),
        chainPem,
        bundlePem,
        spiffeId: SLEEP,
        nowMs: NOW_MS,
        minLifeMs: 1,
      });

    t.test('no mutation of a certificate of the chain is accepted', async (t) => {
      const draw = numbers(3);
      const accepted = Array.from({ length: 3000 }, (_, i) => {
        const [mutatedLeaf, mutatedMiddle] =
          i % 2 ? [mutated(leaf.raw, draw), middleCertificate.raw] : [leaf.raw, mutated(middleCertificate.raw, draw)];
        return [mutatedLeaf, mutatedMiddle];
      })
        .filter(([first, second]) => !(first?.equals(leaf.raw) && second?.equals(middleCertificate.raw)))
        .filter((chain) => {
          const chainPem = Buffer.concat(chain.map((der) => encodePem('CERTIFICATE', der)));
          return !(resultOf(() => sealing(chainPem)) instanceof IdentityError);
        });
      t.same(accepted.map(String), []);
    });

    t.test('what is sealed out of a mutated PEM text is still the right chain', async (t) => {
      const draw = numbers(4);
      const right = sealing(pem(leaf, middleCertificate)).certificateBody;
      const sealed = Array.from({ length: 2000 }, () => mutated(pem(leaf, middleCertificate), draw)).map((text) =>
        resultOf(() => sealing(text)),
      );
      const wrong = sealed.filter(
        (result) => !(result instanceof IdentityError) && !result.certificateBody.equals(right),
      );
      t.same(wrong, []);
    });

    t.test('the unharmed originals pass, so that the refusals above mean something', async (t) => {
      t.ok(new X509Certificate(leafFor(prepare({ spiffeId: SLEEP, keyType: 'ec-p256' }).csrPem).leafPem));
      t.ok(sealing(pem(leaf, middleCertificate)));
    });
  });
}
