import { type KeyObject, sign } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { SpiffeId } from '../../spiffe/index.js';
import { encodePem } from '../base64-pem.js';
import { bitString, contextConstructed, printableString, sequence, setOfOne, unsignedInteger } from '../der-writer.js';
import { subjectAltName, uriName } from '../extensions.js';
import type { PreparedKey, PrepareRequest } from '../hot-path.js';
import type { KeyType } from '../key-type.js';
import { Oid } from '../oids.js';
import { signatureAlgorithmOfNew } from '../signature-algorithm.js';
import { exportPrivateKey, generateKeyPair, type KeyPair } from './key-pair.js';

/** Makes a key pair and a CSR for it. See {@link HotPath.prepare}. */
export function prepare({ spiffeId, keyType }: PrepareRequest): PreparedKey {
  const uri = SpiffeId.parse(spiffeId).toString();
  const { privateKey, publicKey } = generateKeyPair(keyType);
  const csrPem = encodePem('CERTIFICATE REQUEST', signedRequest(uri, keyType, { privateKey, publicKey }));
  return { privateKey: exportPrivateKey(privateKey), csrPem };
}

/** CertificationRequest. (RFC 2986 §4.2) */
function signedRequest(uri: string, keyType: KeyType, { privateKey, publicKey }: KeyPair): Buffer {
  const algorithm = signatureAlgorithmOfNew(keyType);
  if (algorithm === undefined) {
    throw new IdentityError('ERR_KEY_TYPE_UNSUPPORTED', `key type ${keyType} cannot sign a CSR`);
  }
  const toBeSigned = requestToBeSigned(uri, publicKey);
  return sequence(toBeSigned, algorithm.identifier, bitString(sign(algorithm.hash, toBeSigned, privateKey)));
}

/**
 * CertificationRequestInfo with the one shape that Istio's agent sends: subject O="", one critical URI SAN.
 * (RFC 2986 §4.1; reference: Istio A36)
 */
export function requestToBeSigned(uri: string, publicKey: KeyObject): Buffer {
  const subject = sequence(setOfOne(sequence(Oid.organizationName, printableString(''))));
  const extensions = sequence(subjectAltName(uriName(uri)));
  return sequence(
    unsignedInteger(Buffer.from([0])),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    contextConstructed(0, sequence(Oid.extensionRequest, setOfOne(extensions))),
  );
}
