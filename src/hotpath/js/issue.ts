import { sign } from 'node:crypto';
import {
  authorityKeyIdentifier,
  basicConstraints,
  contextConstructed,
  leafKeyUsage,
  sequence,
  serverAndClientAuth,
  subjectAltName,
  time,
  unsignedInteger,
} from '../../pki/x509/index.js';
import { generalName } from '../general-names.js';
import type { IssuedLeaf } from '../hot-path.js';
import type { DraftedLeaf, IssueItem } from '../implementation.js';
import { leafPemOf } from '../leaf-pem.js';
import { newSerial } from '../serial.js';
import { checkCsr } from './csr.js';
import type { LeafIssuer, SignerCache } from './loaded-signer.js';

/** Version 3 is written as 2. (RFC 5280 §4.1.2.1) */
const V3 = contextConstructed(0, unsignedInteger(Buffer.from([2])));

/** X.509 wants a subject; the leaf's name is in its SAN alone. */
const EMPTY_SUBJECT = sequence();

/** Checks a CSR and signs a leaf for its key. See {@link HotPath.issue}. */
export function issue(item: IssueItem, signers: SignerCache, serial: Buffer = newSerial()): IssuedLeaf {
  const signer = signers.get(item.signer);
  const { toBeSigned, ...facts } = draft(item, signer, serial);
  const signature = sign(signer.algorithm.hash, toBeSigned, signer.key);
  return { leafPem: leafPemOf(toBeSigned, signer.algorithm, signature), ...facts };
}

/**
 * Checks a CSR and writes a leaf for its key, without a signature. What is our own (names, signer) is read first, so
 * that a mistake of ours is never told as one of the peer.
 */
export function draft(item: IssueItem, issuer: LeafIssuer, serial: Buffer = newSerial()): DraftedLeaf {
  const names = item.subjectAltNames.map(generalName);
  const { publicKeyInfo, requestedUri } = checkCsr(item.csrPem);
  const toBeSigned = leafToBeSigned(item, names, { issuer, serial, publicKeyInfo });
  return { toBeSigned, serial: serial.toString('hex'), requestedUri };
}

interface LeafParts {
  readonly issuer: LeafIssuer;
  readonly serial: Buffer;
  readonly publicKeyInfo: Buffer;
}

/** The leaf profile of Istio, extensions in its order. (reference: Istio C20, C21) */
function leafToBeSigned(item: IssueItem, names: readonly Buffer[], parts: LeafParts): Buffer {
  const { issuer, serial, publicKeyInfo } = parts;
  const extensions = sequence(
    leafKeyUsage(),
    serverAndClientAuth(),
    basicConstraints(false),
    authorityKeyIdentifier(issuer.keyIdentifier),
    subjectAltName(...names),
  );
  return sequence(
    V3,
    unsignedInteger(serial),
    issuer.algorithm.identifier,
    issuer.subject,
    sequence(time(item.notBeforeMs), time(item.notAfterMs)),
    EMPTY_SUBJECT,
    publicKeyInfo,
    contextConstructed(3, extensions),
  );
}
