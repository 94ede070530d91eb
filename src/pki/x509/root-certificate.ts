import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { bitString, contextConstructed, sequence, setOfOne, time, unsignedInteger, utf8String } from './der-writer.js';
import { basicConstraints, caKeyUsage, subjectKeyIdentifier } from './extension-writer.js';
import { exportPrivateKey, generateKeyPair } from './key-pair.js';
import { Oid } from './oids.js';
import { encodePem } from './pem-writer.js';
import { signatureAlgorithmOfNew } from './signature-algorithm.js';

export interface SelfSignedRootOptions {
  /** EC only: this runs on the caller's thread, where RSA generation would block for up to seconds. */
  readonly keyType: 'ec-p256' | 'ec-p384';
  /** The subject's one attribute; Citadel puts its trust domain here. (reference: Istio C26) */
  readonly organization: string;
  /** Epoch milliseconds; whole seconds count. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds; whole seconds count. */
  readonly notAfterMs: number;
}

export interface SelfSignedRoot {
  readonly certificatePem: Buffer;
  /** PKCS#8. The caller owns it and wipes it. */
  readonly privateKeyPem: Buffer;
}

/**
 * A fresh key and a root certificate for it, as Citadel makes when it is given none: CA:TRUE, keyCertSign and cRLSign,
 * SHA-1 key identifier. Takes about a millisecond.
 * @throws IdentityError `ERR_KEY_TYPE_UNSUPPORTED`.
 */
export function makeSelfSignedRoot(options: SelfSignedRootOptions): SelfSignedRoot {
  const { privateKey, publicKey } = generateKeyPair(options.keyType);
  const certificatePem = encodePem('CERTIFICATE', selfSigned(options, privateKey, publicKey));
  const privateKeyDer = exportPrivateKey(privateKey);
  const privateKeyPem = encodePem('PRIVATE KEY', privateKeyDer);
  privateKeyDer.fill(0);
  return { certificatePem, privateKeyPem };
}

function selfSigned(options: SelfSignedRootOptions, privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const algorithm = signatureAlgorithmOfNew(options.keyType);
  if (algorithm === undefined) {
    throw new IdentityError('ERR_KEY_TYPE_UNSUPPORTED', `key type ${options.keyType} cannot sign a certificate`);
  }
  const name = sequence(setOfOne(sequence(Oid.organizationName, utf8String(options.organization))));
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const toBeSigned = sequence(
    contextConstructed(0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(randomBytes(16)),
    algorithm.identifier,
    name,
    sequence(time(options.notBeforeMs), time(options.notAfterMs)),
    name,
    publicKeyInfo,
    contextConstructed(3, sequence(caKeyUsage(), basicConstraints(true), subjectKeyIdentifier(sha1(publicKeyInfo)))),
  );
  return sequence(toBeSigned, algorithm.identifier, bitString(sign(algorithm.hash, toBeSigned, privateKey)));
}

/**
 * Any value that is unlike for unlike keys will do (RFC 5280 §4.2.1.2); of the whole SubjectPublicKeyInfo it needs no
 * DER reader. SHA-1 only names the key here.
 */
function sha1(publicKeyInfo: Buffer): Buffer {
  return createHash('sha1').update(publicKeyInfo).digest();
}
