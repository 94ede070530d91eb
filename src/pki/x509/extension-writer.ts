import {
  bitString,
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  octetString,
  sequence,
  unsignedInteger,
} from './der-writer.js';
import { Oid } from './oids.js';

/** The X.509 extensions that we write, each a whole `Extension`. (RFC 5280 §4.2) */

/** KeyUsage octets with their count of unused bits. (RFC 5280 §4.2.1.3) */
const DIGITAL_SIGNATURE_KEY_ENCIPHERMENT = { octet: 0b1010_0000, unusedBits: 5 } as const;
const KEY_CERT_SIGN_CRL_SIGN = { octet: 0b0000_0110, unusedBits: 1 } as const;

/** Critical: digitalSignature and keyEncipherment, for EC keys too, as Istio has it. (reference: Istio C20) */
export function leafKeyUsage(): Buffer {
  return keyUsage(DIGITAL_SIGNATURE_KEY_ENCIPHERMENT);
}

/** Critical: keyCertSign and cRLSign. */
export function caKeyUsage(): Buffer {
  return keyUsage(KEY_CERT_SIGN_CRL_SIGN);
}

function keyUsage({ octet, unusedBits }: { octet: number; unusedBits: number }): Buffer {
  return extension(Oid.keyUsage, true, bitString(Buffer.from([octet]), unusedBits));
}

/** Not critical: serverAuth and clientAuth, since each workload is both. */
export function serverAndClientAuth(): Buffer {
  return extension(Oid.extKeyUsage, false, sequence(Oid.serverAuth, Oid.clientAuth));
}

/**
 * Critical. FALSE is the default and so is not written (X.690 §11.5); `pathLength` is how many CAs may stand below it,
 * without bound when left out.
 */
export function basicConstraints(isCa: boolean, pathLength?: number): Buffer {
  const bound = pathLength === undefined ? [] : [unsignedInteger(Buffer.of(pathLength))];
  return extension(Oid.basicConstraints, true, isCa ? sequence(booleanTrue(), ...bound) : sequence());
}

/** Critical, as it must be: names of these kinds must be within one of these GeneralNames. (RFC 5280 §4.2.1.10) */
export function nameConstraints(...permitted: readonly Buffer[]): Buffer {
  const subtrees = permitted.map((base) => sequence(base));
  return extension(Oid.nameConstraints, true, sequence(contextConstructed(0, ...subtrees)));
}

export function authorityKeyIdentifier(keyIdentifier: Buffer): Buffer {
  return extension(Oid.authorityKeyIdentifier, false, sequence(contextPrimitive(0, keyIdentifier)));
}

export function subjectKeyIdentifier(keyIdentifier: Buffer): Buffer {
  return extension(Oid.subjectKeyIdentifier, false, octetString(keyIdentifier));
}

/** Critical, as it must be with an empty subject. Takes whole GeneralNames. (RFC 5280 §4.2.1.6) */
export function subjectAltName(...generalNames: readonly Buffer[]): Buffer {
  return extension(Oid.subjectAltName, true, sequence(...generalNames));
}

/** Of a revocation list; takes an INTEGER. (RFC 5280 §5.2.3) */
export function crlNumber(number: Buffer): Buffer {
  return extension(Oid.crlNumber, false, number);
}

/** Of an entry of one; takes an ENUMERATED. (RFC 5280 §5.3.1) */
export function reasonCode(code: Buffer): Buffer {
  return extension(Oid.reasonCode, false, code);
}

function extension(oid: Buffer, isCritical: boolean, value: Buffer): Buffer {
  return isCritical ? sequence(oid, booleanTrue(), octetString(value)) : sequence(oid, octetString(value));
}
