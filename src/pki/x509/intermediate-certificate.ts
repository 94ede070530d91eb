import { createHash, randomBytes } from 'node:crypto';
import type { CaSigner } from './ca-signer.js';
import { bitString, contextConstructed, sequence, setOfOne, time, unsignedInteger, utf8String } from './der-writer.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  caKeyUsage,
  nameConstraints,
  subjectKeyIdentifier,
} from './extension-writer.js';
import { uriName, writeGeneralName } from './general-name.js';
import { Oid } from './oids.js';

export interface IntermediateContent {
  /** The DER of its SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer;
  readonly organization: string;
  /** Unlike that of any other below the same root: lists and issuers are found by names. */
  readonly commonName: string;
  /** The host of the URIs below it, in a critical name constraint; left out, all names are allowed. */
  readonly permittedUriHost?: string | undefined;
  /** Epoch milliseconds; whole seconds count. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * The certificate, in DER, of a CA that signs leaves alone: path length 0, keyCertSign and cRLSign. Without an extended
 * key usage, which would bind the leaves. Rejects with what `sign` does.
 */
export async function writeIntermediate(issuer: CaSigner, content: IntermediateContent): Promise<Buffer> {
  const { publicKeyInfo, organization, commonName, permittedUriHost, notBeforeMs, notAfterMs } = content;
  const { algorithm, subject, keyIdentifier } = issuer;
  const attribute = (oid: Buffer, text: string): Buffer => setOfOne(sequence(oid, utf8String(text)));
  const constraints =
    permittedUriHost === undefined ? [] : [nameConstraints(writeGeneralName(uriName(permittedUriHost)))];
  const toBeSigned = sequence(
    contextConstructed(0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(randomBytes(16)),
    algorithm.identifier,
    subject,
    sequence(time(notBeforeMs), time(notAfterMs)),
    sequence(attribute(Oid.organizationName, organization), attribute(Oid.commonName, commonName)),
    publicKeyInfo,
    contextConstructed(
      3,
      sequence(
        caKeyUsage(),
        basicConstraints(true, 0),
        // SHA-1 only names the key here. (RFC 5280 §4.2.1.2)
        subjectKeyIdentifier(createHash('sha1').update(publicKeyInfo).digest()),
        authorityKeyIdentifier(keyIdentifier),
        ...constraints,
      ),
    ),
  );
  return sequence(toBeSigned, algorithm.identifier, bitString(await issuer.sign(toBeSigned)));
}
