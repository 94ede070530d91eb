import type { X509Certificate } from 'node:crypto';
import type { ChainLink } from '../../pki/x509/index.js';
import { bitString, contextConstructed, Oid, octetString, sequence, unsignedInteger } from '../../pki/x509/index.js';

/** What every key of a curve, as `prepare` makes it, has in the same place. */
interface PlainForm {
  /** Of SubjectPublicKeyInfo, all before the two coordinates of its point. (RFC 5480 §2) */
  readonly publicHead: Buffer;
  /** All before the private number. */
  readonly head: Buffer;
  /** Between the private number and the two coordinates of its point. */
  readonly middle: Buffer;
  /** Octets of the private number, and of each coordinate. */
  readonly size: number;
}

const FORMS: readonly PlainForm[] = [plainForm(Oid.p256, 32), plainForm(Oid.p384, 48)];

/**
 * Whether `privateKey` is plain, as {@link FORMS} have it, and holds the public key of `leaf`. Half a millisecond
 * cheaper than OpenSSL's reading of PKCS#8, which says the same of such a key; `false` says nothing, and leaves the
 * word to OpenSSL.
 */
export function isPlainKeyOf({ certificate, facts }: ChainLink, privateKey: Buffer): boolean {
  const form = FORMS.find(
    ({ head, middle, size }) =>
      privateKey.length === head.length + middle.length + 3 * size &&
      hasAt(privateKey, 0, head) &&
      hasAt(privateKey, head.length + size, middle),
  );
  if (form === undefined || typeof facts === 'string') return false;
  const { publicHead, size } = form;
  const { publicKeyInfo } = facts;
  const isSamePoint =
    publicKeyInfo.length === publicHead.length + 2 * size &&
    hasAt(publicKeyInfo, 0, publicHead) &&
    publicKeyInfo.compare(privateKey, privateKey.length - 2 * size, privateKey.length, publicHead.length) === 0;
  return isSamePoint && isTaken(certificate);
}

/** Whether `part` stands at `at` in `bytes`. */
function hasAt(bytes: Buffer, at: number, part: Buffer): boolean {
  return bytes.compare(part, 0, part.length, at, at + part.length) === 0;
}

/** Whether OpenSSL takes its public key: the point is on the curve. */
function isTaken(leaf: X509Certificate): boolean {
  try {
    return leaf.publicKey.asymmetricKeyType === 'ec';
  } catch {
    return false;
  }
}

/**
 * PrivateKeyInfo with an ECPrivateKey that has its public key, and the curve outside alone. (RFC 5208 §5, RFC 5915 §3)
 */
function plainForm(oid: Buffer, size: number): PlainForm {
  // The point uncompressed. (SEC 1 §2.3.3)
  const point = bitString(Buffer.alloc(1 + 2 * size, 4));
  const publicKey = contextConstructed(1, point);
  const key = sequence(unsignedInteger(Buffer.of(1)), octetString(Buffer.alloc(size)), publicKey);
  const algorithm = sequence(Oid.ecPublicKey, oid);
  const whole = sequence(unsignedInteger(Buffer.of(0)), algorithm, octetString(key));
  const numberEnd = whole.length - publicKey.length;
  return {
    publicHead: sequence(algorithm, point).subarray(0, -2 * size),
    size,
    head: whole.subarray(0, numberEnd - size),
    middle: whole.subarray(numberEnd, -2 * size),
  };
}
