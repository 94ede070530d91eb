import { sign } from 'node:crypto';
import {
  authorityKeyIdentifier,
  basicConstraints,
  bitString,
  contextConstructed,
  encodePem,
  leafKeyUsage,
  sequence,
  serverAndClientAuth,
  subjectAltName,
  time,
  unsignedInteger,
} from '../../pki/x509/index.js';
import { generalName } from '../general-names.js';
import type { IssuedLeaf } from '../hot-path.js';
import type { IssueItem } from '../implementation.js';
import { newSerial } from '../serial.js';
import { checkCsr } from './csr.js';
import type { LoadedSigner, SignerCache } from './loaded-signer.js';

/** Version 3 is written as 2. (RFC 5280 §4.1.2.1) */
const V3 = contextConstructed(0, unsignedInteger(Buffer.from([2])));

/** X.509 wants a subject; the leaf's name is in its SAN alone. */
const EMPTY_SUBJECT = sequence();

/**
 * Checks a CSR and signs a leaf for its key. See {@link HotPath.issue}. What is our own (names, signer) is read first,
 * so that a mistake of ours is never told as one of the peer.
 */
export function issue(item: IssueItem, signers: SignerCache, serial: Buffer = newSerial()): IssuedLeaf {
  const names = item.subjectAltNames.map(generalName);
  const signer = signers.get(item.signer);
  const { publicKeyInfo, requestedUri } = checkCsr(item.csrPem);
  const toBeSigned = leafToBeSigned(item, names, { signer, serial, publicKeyInfo });
  const signature = sign(signer.algorithm.hash, toBeSigned, signer.key);
  const leaf = sequence(toBeSigned, signer.algorithm.identifier, bitString(signature));
  return { leafPem: encodePem('CERTIFICATE', leaf), serial: serial.toString('hex'), requestedUri };
}

interface LeafParts {
  readonly signer: LoadedSigner;
  readonly serial: Buffer;
  readonly publicKeyInfo: Buffer;
}

/** The leaf profile of Istio, extensions in its order. (reference: Istio C20, C21) */
function leafToBeSigned(item: IssueItem, names: readonly Buffer[], parts: LeafParts): Buffer {
  const { signer, serial, publicKeyInfo } = parts;
  const extensions = sequence(
    leafKeyUsage(),
    serverAndClientAuth(),
    basicConstraints(false),
    authorityKeyIdentifier(signer.keyIdentifier),
    subjectAltName(...names),
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
