/**
 * pki/x509: what certificates are made of, and whether a path of them holds. PEM, in one reader and one writer for all
 * rooms: bytes in, bytes out, so that a private key that passes through here never becomes a string. One piece of code
 * judges what a CA answers, what Citadel signs with and what files bring.
 */

export { authorityKeyOf } from './authority-key.js';
export type { CaSigner } from './ca-signer.js';
export { type CertificateFacts, readFacts } from './certificate-facts.js';
export { ChainLink } from './chain-link.js';
export { bitsOf, DerTag, type DerView, readDer, sequenceIn, sequenceOf } from './der-view.js';
export {
  bitString,
  contextConstructed,
  nothing,
  objectIdentifier,
  octetString,
  printableString,
  sequence,
  setOfOne,
  time,
  unsignedInteger,
} from './der-writer.js';
export { distinguishedNameText, isSameName, type RelativeName, readNameIn } from './distinguished-name.js';
export {
  authorityKeyIdentifier,
  basicConstraints,
  leafKeyUsage,
  serverAndClientAuth,
  subjectAltName,
} from './extension-writer.js';
export { extensionValue, readExtension } from './extensions.js';
export { certificateFingerprint } from './fingerprint.js';
export {
  type GeneralName,
  hostName,
  NameTag,
  namesText,
  uriName,
  writeGeneralName,
} from './general-name.js';
export { type IntermediateContent, writeIntermediate } from './intermediate-certificate.js';
export { isIssuedBy } from './issued-by.js';
export { IssuerPool } from './issuer-pool.js';
export { exportPrivateKey, generateKeyPair } from './key-pair.js';
export { keyTypeOf } from './key-strength.js';
export { KEY_TYPES, type KeyType, takesLong, unsupportedKeyType } from './key-type.js';
export { KEY_USAGE } from './known-values.js';
export { Oid } from './oids.js';
export { type NoPath, type PathResult, PathSearch, shownIssuers } from './path-search.js';
export { cutCertificates, type PemBlock, type PemWanted, readCertificates, readPem } from './pem-reader.js';
export { encodePem, type PemLabel, type PrivateKeyLabel, pemLength, writePem } from './pem-writer.js';
export { readPrivateKey } from './private-key.js';
export { isoTime, type PathFault, type Problem } from './problem.js';
export {
  REVOCATION_REASONS,
  type RevocationReason,
  writeRevocationList,
} from './revocation-list-writer.js';
export { makeSelfSignedRoot } from './root-certificate.js';
export { caProblem, leafProblem } from './rules.js';
export {
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
  signatureAlgorithmOfNew,
} from './signature-algorithm.js';
export { isStrictDer } from './strict-der.js';
export { readTime } from './time.js';
