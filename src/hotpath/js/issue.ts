import { randomBytes, sign } from 'node:crypto';
import { encodePem } from '../base64-pem.js';
import { bitString, contextConstructed, sequence, time, unsignedInteger } from '../der-writer.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  leafKeyUsage,
  serverAndClientAuth,
  subjectAltName,
} from '../extensions.js';
import type { IssuedLeaf } from '../hot-path.js';
import type { IssueItem } from '../implementation.js';
import { checkCsr } from './csr.js';
import { generalName } from './general-names.js';
import type { LoadedSigner, SignerCache } from './loaded-signer.js';

/** 128 random bits, as Istio takes: twice the entropy that RFC 5280 and the CA/Browser Forum ask for. (Istio C20) */
const SERIAL_BYTES = 16;

/** Version 3 is written as 2. (RFC 5280 §4.1.2.1) */
const V3 = contextConstructed(0, unsignedInteger(Buffer.from([2])));

/** X.509 wants a subject; the leaf's name is in its SAN alone. */
const EMPTY_SUBJECT = sequence();

/** Checks a CSR and signs a leaf for its key. See {@link HotPath.issue}. */
export function issue(item: IssueItem, signers: SignerCache): IssuedLeaf {
  const { publicKeyInfo, requestedUri } = checkCsr(item.csrPem);
  const signer = signers.get(item.signer);
  const serial = newSerial();
  const toBeSigned = leafToBeSigned(item, signer, serial, publicKeyInfo);
  const signature = sign(signer.algorithm.hash, toBeSigned, signer.key);
  const leaf = sequence(toBeSigned, signer.algorithm.identifier, bitString(signature));
  return { leafPem: encodePem('CERTIFICATE', leaf), serial: serial.toString('hex'), requestedUri };
}

/** The leaf profile of Istio, extensions in its order. (reference: Istio C20, C21) */
function leafToBeSigned(item: IssueItem, signer: LoadedSigner, serial: Buffer, publicKeyInfo: Buffer): Buffer {
  const extensions = sequence(
    leafKeyUsage(),
    serverAndClientAuth(),
    basicConstraints(false),
    authorityKeyIdentifier(signer.keyIdentifier),
    subjectAltName(...item.subjectAltNames.map(generalName)),
  );
  return sequence(
    V3,
    unsignedInteger(serial),
    signer.algorithm.identifier,
    signer.subject,
    sequence(time(item.notBeforeMs), time(item.notAfterMs)),
    EMPTY_SUBJECT,
    publicKeyInfo,
    contextConstructed(3, extensions),
  );
}

/** Drawn anew while the first octet is zero, so that its hex form has one length and equals what OpenSSL prints. */
function newSerial(): Buffer {
  let serial = randomBytes(SERIAL_BYTES);
  while (serial[0] === 0) serial = randomBytes(SERIAL_BYTES);
  return serial;
}
