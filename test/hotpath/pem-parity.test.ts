import t from 'tap';
import { IdentityError } from '../../src/errors/index.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { block, CERTIFICATES, PIECES } from '../pki/x509/pem-texts.js';
import { seededRandom } from '../support/prng.js';
import { IMPLEMENTATIONS, type Implementation, NO_ADDON } from './implementations.js';
import { certificate, ecKeys, NOW_MS, pkcs8, SLEEP } from './pki.js';

/** Both readers of PEM, by what they let a leaf be proved with. */
const [js, native] = IMPLEMENTATIONS as readonly [Implementation, Implementation];
const skip = NO_ADDON;

const keys = ecKeys();
const root = { keys: ecKeys(), subject: 'root', isCa: true };
const middle = { keys: ecKeys(), subject: 'intermediate', isCa: true };
const [leafDer, middleDer, rootDer] = [
  certificate({ keys, subject: '', issuer: middle, uris: [SLEEP] }).raw,
  certificate({ ...middle, issuer: root }).raw,
  certificate(root).raw,
];
const request = { privateKey: pkcs8(keys.privateKey), spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1 };

/** What Envoy would get, or the code of the refusal. */
function outcome(implementation: Implementation, chainPem: Buffer, bundlePem: Buffer): string {
  try {
    const { certificateBody, bundleBody } = implementation.seal({ ...request, chainPem, bundlePem });
    return `${certificateBody.toString('base64')} ${bundleBody.toString('base64')}`;
  } catch (error) {
    if (error instanceof IdentityError) return error.code;
    throw error;
  }
}

/** A text of pieces around the certificates of `ders`, with now and then an octet changed. */
function textOf(ders: readonly Buffer[], random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  const parts = ders.map((der) => {
    const noise = below(2) === 0 ? '' : (PIECES[below(PIECES.length)]?.text(CERTIFICATES[0] as Buffer) ?? '');
    const width = [64, 64, 60, 76, 1000][below(5)] ?? 64;
    return noise + block(der, { width, eol: below(2) === 0 ? '\n' : '\r\n' });
  });
  const bytes = Buffer.from((below(3) === 0 ? '\ufeff' : '') + parts.join(''), 'utf8');
  if (below(3) === 0)
    bytes[below(bytes.length)] = ['-', '\n', ' ', ':', '='].map((one) => one.charCodeAt(0))[below(5)] ?? 0;
  return bytes;
}

const rootPem = encodePem('CERTIFICATE', rootDer);
const chain = Buffer.concat([leafDer, middleDer].map((der) => encodePem('CERTIFICATE', der)));

for (const { name, text } of PIECES) {
  t.test(`both implementations make the same of a text with ${name}`, { skip }, async (t) => {
    const noise = text(CERTIFICATES[0] as Buffer);
    const bundle = Buffer.from(noise + block(rootDer), 'utf8');
    t.equal(outcome(native, chain, bundle), outcome(js, chain, bundle), 'as a bundle');
    const noisy = Buffer.from(noise + chain.toString(), 'utf8');
    t.equal(outcome(native, noisy, rootPem), outcome(js, noisy, rootPem), 'as a chain');
  });
}

t.test('both implementations make the same of any text', { skip }, async (t) => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 1000; seed++) {
    const random = seededRandom(seed);
    const chainPem = textOf([leafDer, middleDer], random);
    const bundlePem = textOf([...CERTIFICATES.slice(1), rootDer], random);
    const [one, other] = [outcome(js, chainPem, bundlePem), outcome(native, chainPem, bundlePem)];
    if (one !== other) t.equal(other, one, `seed ${seed}`);
    outcomes.add(one.startsWith('ERR') ? one : 'sealed');
  }
  t.ok(outcomes.has('sealed') && outcomes.has('ERR_SVID_MALFORMED') && outcomes.has('ERR_BUNDLE_INVALID'));
});
