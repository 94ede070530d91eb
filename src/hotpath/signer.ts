import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { IdentityError } from '../errors/index.js';
import { caProblem, readCertificates, readFacts, readPrivateKey } from '../pki/x509/index.js';

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
   * `names` are what messages call the two, such as the names of their files.
   * @throws IdentityError `ERR_SIGNER_INVALID`: either does not parse, the key is encrypted, or no EC or RSA key, the
   *   certificate is no CA certificate, or the two do not belong together.
   */
  static load(certificatePem: Buffer, privateKeyPem: Buffer, names: SignerNames = OWN_NAMES): Signer {
    const [certificateDer = Buffer.alloc(0)] = readCertificates(certificatePem, { ...LIMITS, what: names.certificate });
    const certificate = parsed(names.certificate, () => new X509Certificate(certificateDer));
    const key = readPrivateKey(privateKeyPem, { ...LIMITS, what: names.privateKey });
    if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'rsa') {
      throw invalid(`${names.privateKey}: got a private key of type ${key.asymmetricKeyType}, expected ec or rsa`);
    }
    checkCa(certificate, names.certificate);
    if (!certificate.checkPrivateKey(key)) {
      throw invalid(`${names.privateKey}: got another private key than that of ${names.certificate}`);
    }
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

/** The first certificate counts; a Kubernetes secret has those above it behind. */
const LIMITS = { code: 'ERR_SIGNER_INVALID', maxBytes: 1024 * 1024, maxBlocks: 100 } as const;

/** What messages call certificate and key. */
export interface SignerNames {
  readonly certificate: string;
  readonly privateKey: string;
}

const OWN_NAMES: SignerNames = { certificate: 'signer certificate', privateKey: 'signer private key' };

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

function checkCa(certificate: X509Certificate, name: string): void {
  const facts = readFacts(certificate.raw);
  if (typeof facts === 'string') throw invalid(`${name}: got ${facts}, expected a certificate of RFC 5280`);
  const problem = caProblem(facts);
  if (problem !== undefined) throw invalid(`${name}: got ${problem.got}, expected ${problem.expected}`);
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new IdentityError('ERR_SIGNER_INVALID', `${what}: got what does not parse, expected an X.509 certificate`, {
      cause,
    });
  }
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_SIGNER_INVALID', message);
}
