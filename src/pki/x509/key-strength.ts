import { bitsOf, DerTag, type DerView, sequenceIn, sequenceOf } from './der-view.js';
import { GOOD_KEYS, GOOD_SIGNATURES, MIN_RSA_BITS, RSA_KEY, WEAK_SIGNATURES } from './known-values.js';
import type { Problem } from './problem.js';

/** Why peers do not take this public key. */
export function keyProblem(subjectPublicKeyInfo: DerView): Problem | undefined {
  const [algorithm, bits] = sequenceOf(subjectPublicKeyInfo) ?? [];
  const kind = algorithm?.raw.toString('hex') ?? '';
  if (GOOD_KEYS.has(kind)) return undefined;
  if (kind !== RSA_KEY) return unusual('a key of another kind or curve');
  const size = rsaBits(bits);
  if (size === undefined) return unusual('an RSA key that does not parse');
  return size < MIN_RSA_BITS ? unusual(`an RSA key of ${size} bits`) : undefined;
}

/** AlgorithmIdentifiers of the curves that keys of workloads are on. (RFC 5480 §2.1.1) */
const CURVES: Readonly<Record<string, string>> = {
  '301306072a8648ce3d020106082a8648ce3d030107': 'ec-p256',
  '301006072a8648ce3d020106052b81040022': 'ec-p384',
};

/**
 * The kind of a public key by its SubjectPublicKeyInfo, in the words of {@link KEY_TYPES}, RSA with whatever size it
 * has; `undefined` when it is of another kind.
 */
export function keyTypeOf(subjectPublicKeyInfo: DerView): string | undefined {
  const [algorithm, bits] = sequenceOf(subjectPublicKeyInfo) ?? [];
  const kind = algorithm?.raw.toString('hex') ?? '';
  if (kind !== RSA_KEY) return CURVES[kind];
  const size = rsaBits(bits);
  return size === undefined ? undefined : `rsa-${size}`;
}

function unusual(got: string): Problem {
  return { got, expected: `RSA of at least ${MIN_RSA_BITS} bits, P-256, P-384, P-521 or Ed25519` };
}

/** Of RSAPublicKey. (RFC 8017 §A.1.1) */
function rsaBits(bits: DerView | undefined): number | undefined {
  const octets = bitsOf(bits, 0);
  const [modulus] = (octets && sequenceIn(octets)) ?? [];
  if (modulus?.tag !== DerTag.integer) return undefined;
  const start = modulus.content.findIndex((octet) => octet !== 0);
  if (start < 0) return undefined;
  return 8 * (modulus.content.length - start) - (Math.clz32(modulus.content.readUInt8(start)) - 24);
}

/** The hash of a signature that can be forged. */
export function weakHashOf(algorithm: Buffer): string | undefined {
  const [oid] = sequenceIn(algorithm) ?? [];
  return WEAK_SIGNATURES[oid?.content.toString('hex') ?? ''];
}

/** Why peers do not take this signature; `algorithm` is the whole AlgorithmIdentifier. */
export function signatureProblem(algorithm: Buffer): Problem | undefined {
  if (GOOD_SIGNATURES.has(algorithm.toString('hex'))) return undefined;
  const weak = weakHashOf(algorithm);
  const got = weak === undefined ? 'a signature of another kind' : `a signature with ${weak}`;
  return { got, expected: 'Ed25519, or ECDSA or RSA with SHA-256, SHA-384 or SHA-512' };
}
