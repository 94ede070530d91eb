import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { IdentityError } from '../errors/index.js';

/**
 * The key and certificate that leaves are signed with. Made only by {@link Signer.load}, so the two are known to
 * belong together. Crosses to the worker threads by `material`, whose memory is shared, not copied.
 */
export class Signer {
  private constructor(
    readonly certificate: X509Certificate,
    readonly material: SignerMaterial,
  ) {}

  /**
   * @throws IdentityError `ERR_SIGNER_INVALID`: either does not parse, the key is no EC or RSA key, the certificate is
   *   no CA certificate, or the two do not belong together.
   */
  static load(certificatePem: Buffer, privateKeyPem: Buffer): Signer {
    const certificate = parsed('certificate', () => new X509Certificate(certificatePem));
    const key = parsed('private key', () => createPrivateKey(privateKeyPem));
    if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'rsa') {
      throw invalid(`private key: got type ${key.asymmetricKeyType}, expected ec or rsa`);
    }
    if (!certificate.ca) throw invalid('certificate: got no CA certificate, expected basicConstraints CA:TRUE');
    if (!certificate.checkPrivateKey(key)) throw invalid('private key does not belong to the certificate');
    return new Signer(certificate, {
      id: createHash('sha256').update(certificate.raw).digest('hex'),
      certificateDer: shared(certificate.raw),
      privateKeyDer: sharedKey(key),
    });
  }

  toJSON(): string {
    return '[redacted signer]';
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

/** A signer as it travels to a thread, which parses it once and keeps the result under `id`. */
export interface SignerMaterial {
  /** SHA-256 of the certificate, hex. */
  readonly id: string;
  readonly certificateDer: SharedArrayBuffer;
  /** PKCS#8 DER. */
  readonly privateKeyDer: SharedArrayBuffer;
}

function sharedKey(key: KeyObject): SharedArrayBuffer {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const memory = shared(der);
  der.fill(0);
  return memory;
}

function shared(bytes: Buffer): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes.length);
  new Uint8Array(memory).set(bytes);
  return memory;
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new IdentityError('ERR_SIGNER_INVALID', `signer ${what} does not parse, expected PEM`, { cause });
  }
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_SIGNER_INVALID', `signer ${message}`);
}
