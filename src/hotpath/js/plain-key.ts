import type { JsonWebKey, X509Certificate } from 'node:crypto';
import { bitString, contextConstructed, octetString, sequence, unsignedInteger } from '../der-writer.js';
import { Oid } from '../oids.js';

/** What every key of a curve, as `prepare` makes it, has in the same place. */
interface PlainForm {
  /** As a JSON Web Key names the curve. (RFC 7518 §6.2.1.1) */
  readonly curve: string;
  /** All before the private number. */
  readonly head: Buffer;
  /** Between the private number and the two coordinates of its point. */
  readonly middle: Buffer;
  /** Octets of the private number, and of each coordinate. */
  readonly size: number;
}

const FORMS: readonly PlainForm[] = [plainForm('P-256', Oid.p256, 32), plainForm('P-384', Oid.p384, 48)];

/**
 * Whether `privateKey` is plain, as {@link FORMS} have it, and holds the public key of `leaf`. Half a millisecond cheaper than
 * OpenSSL's reading of PKCS#8, which says the same of such a key; `false` says nothing, and leaves the word to OpenSSL.
 */
export function isPlainKeyOf(leaf: X509Certificate, privateKey: Buffer): boolean {
  const form = FORMS.find(
    ({ head, middle, size }) =>
      privateKey.length === head.length + middle.length + 3 * size &&
      privateKey.subarray(0, head.length).equals(head) &&
      privateKey.subarray(head.length + size, -2 * size).equals(middle),
  );
  if (form === undefined) return false;
  const { crv, x, y } = publicKeyOf(leaf);
  if (crv !== form.curve) return false;
  const point = Buffer.concat([Buffer.from(`${x}`, 'base64url'), Buffer.from(`${y}`, 'base64url')]);
  return privateKey.subarray(-2 * form.size).equals(point);
}

/** Nothing of a key that is no EC key, or that OpenSSL does not take. */
function publicKeyOf(leaf: X509Certificate): JsonWebKey {
  try {
    return leaf.publicKey.asymmetricKeyType === 'ec' ? leaf.publicKey.export({ format: 'jwk' }) : {};
  } catch {
    return {};
  }
}

/** PrivateKeyInfo with an ECPrivateKey that has its public key, and the curve outside alone. (RFC 5208 §5, RFC 5915 §3) */
function plainForm(curve: string, oid: Buffer, size: number): PlainForm {
  // The point uncompressed. (SEC 1 §2.3.3)
  const publicKey = contextConstructed(1, bitString(Buffer.alloc(1 + 2 * size, 4)));
  const key = sequence(unsignedInteger(Buffer.of(1)), octetString(Buffer.alloc(size)), publicKey);
  const whole = sequence(unsignedInteger(Buffer.of(0)), sequence(Oid.ecPublicKey, oid), octetString(key));
  const numberEnd = whole.length - publicKey.length;
  return { curve, size, head: whole.subarray(0, numberEnd - size), middle: whole.subarray(numberEnd, -2 * size) };
}
