import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { Oid } from '../oids.js';
import { child, type DerElement, DerError, extensionValue, readDer, Tag } from './der-reader.js';

/**
 * How many CAs may stand between a CA certificate and a leaf, `undefined` for any number: the pathLenConstraint of RFC 5280
 * §4.2.1.9, which `X509Certificate` does not tell.
 * @throws IdentityError `ERR_SIGNER_INVALID`: its DER is not as it should be.
 */
export function pathLengthOf(certificate: X509Certificate): number | undefined {
  try {
    const toBeSigned = child(readDer(certificate.raw), 0, Tag.sequence, 'TBSCertificate');
    const length = basicConstraints(toBeSigned)?.children.find(({ tag }) => tag === Tag.integer);
    // OpenSSL has refused negative ones. Six octets are what a number holds; no path is as long.
    return length?.content.readUIntBE(0, Math.min(6, length.content.length));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new IdentityError('ERR_SIGNER_INVALID', `CA certificate: got ${cause.message}, expected DER`, { cause });
  }
}

function basicConstraints(toBeSigned: DerElement): DerElement | undefined {
  const extensions = toBeSigned.children.find(({ tag }) => tag === Tag.extensions);
  if (extensions === undefined) return undefined;
  return extensionValue(child(extensions, 0, Tag.sequence, 'Extensions'), Oid.basicConstraints);
}
