import { type KeyObject, sign } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { SpiffeId } from '../../pki/spiffe/index.js';
import type { KeyType } from '../../pki/x509/index.js';
import {
  bitString,
  contextConstructed,
  encodePem,
  exportPrivateKey,
  generateKeyPair,
  Oid,
  printableString,
  sequence,
  setOfOne,
  signatureAlgorithmOfNew,
  subjectAltName,
  unsignedInteger,
  uriName,
  writeGeneralName,
} from '../../pki/x509/index.js';
import type { PreparedKey, PrepareRequest } from '../hot-path.js';

/** Makes a key pair and a CSR for it. See {@link HotPath.prepare}. */
export function prepare({ spiffeId, keyType }: PrepareRequest): PreparedKey {
  const uri = SpiffeId.parse(spiffeId).toString();
  const { privateKey, publicKey } = generateKeyPair(keyType);
  const toBeSigned = requestToBeSigned(uri, publicKey);
  const csrPem = encodePem('CERTIFICATE REQUEST', signedRequest(toBeSigned, keyType, privateKey));
  return { privateKey: exportPrivateKey(privateKey), csrPem };
}

/** CertificationRequest. (RFC 2986 §4.2) */
function signedRequest(toBeSigned: Buffer, keyType: KeyType, privateKey: KeyObject): Buffer {
  const algorithm = signatureAlgorithmOfNew(keyType);
  if (algorithm === undefined) {
    throw new IdentityError('ERR_KEY_TYPE_UNSUPPORTED', `key type ${keyType} cannot sign a CSR`);
  }
  return sequence(toBeSigned, algorithm.identifier, bitString(sign(algorithm.hash, toBeSigned, privateKey)));
}

/**
 * CertificationRequestInfo with one critical URI SAN, in the one shape that Istio's agent sends. (RFC 2986 §4.1;
 * reference: Istio A36)
 */
function requestToBeSigned(uri: string, publicKey: KeyObject): Buffer {
  const extensions = sequence(subjectAltName(writeGeneralName(uriName(uri))));
  return sequence(
    unsignedInteger(Buffer.from([0])),
    sequence(setOfOne(sequence(Oid.organizationName, printableString('')))),
    publicKey.export({ type: 'spki', format: 'der' }),
    contextConstructed(0, sequence(Oid.extensionRequest, setOfOne(extensions))),
  );
}
