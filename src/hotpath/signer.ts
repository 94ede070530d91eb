import { createHash, type KeyObject, randomBytes, verify, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { IdentityError } from '../errors/index.js';
import {
  caProblem,
  readCertificates,
  readFacts,
  readPrivateKey,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
} from '../pki/x509/index.js';

/** A private key that cannot be had: it signs where it is. */
export interface RemoteKey {
  /** As messages name it. */
  readonly name: string;
  /**
   * Resolves with the signature as X.509 has it.
   * @throws IdentityError `ERR_CA_KEY_UNAVAILABLE`; `ERR_SIGNER_INVALID`: it cannot sign so.
   */
  sign(toBeSigned: Buffer, algorithm: SignatureAlgorithm): Promise<Buffer>;
}

/** What the key of a {@link Signer} does, where it cannot be had. */
export interface RemoteSigning {
  readonly algorithm: SignatureAlgorithm;
  /**
   * Signs a certificate, or a revocation list, by that algorithm.
   * @throws IdentityError `ERR_CA_KEY_UNAVAILABLE`.
   */
  sign(toBeSigned: Buffer): Promise<Buffer>;
}

/**
 * The key and certificate that leaves are signed with. Made only by {@link Signer.load} and
 * {@link Signer.withRemoteKey}, so the two are known to belong together. Crosses to the worker threads by `material`,
 * whose memory is shared, not copied.
 */
export class Signer {
  private constructor(
    readonly certificate: X509Certificate,
    readonly material: SignerMaterial,
    /** In place of the key in `material`, which is empty then. */
    readonly remote?: RemoteSigning,
  ) {}

  /**
   * `names` are what messages call the two, such as the names of their files.
   * @throws IdentityError `ERR_SIGNER_INVALID`: either does not parse, the key is encrypted, or no EC or RSA key, the
   *   certificate is no CA certificate, or the two do not belong together.
   */
  static load(certificatePem: Buffer, privateKeyPem: Buffer, names: SignerNames = OWN_NAMES): Signer {
    const certificate = certificateIn(certificatePem, names.certificate);
    const key = readPrivateKey(privateKeyPem, { ...LIMITS, what: names.privateKey });
    if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'rsa') {
      throw invalid(`${names.privateKey}: got a private key of type ${key.asymmetricKeyType}, expected ec or rsa`);
    }
    checkCa(certificate, names.certificate);
    if (!certificate.checkPrivateKey(key)) {
      throw invalid(`${names.privateKey}: got another private key than that of ${names.certificate}`);
    }
    return new Signer(certificate, materialOf(certificate, sharedKey(key)));
  }

  /**
   * With a key that signs elsewhere; proves by a signature that the two belong together.
   * @throws IdentityError `ERR_SIGNER_INVALID`: the certificate does not parse, is none of a CA, or of another key;
   *   `ERR_CA_KEY_UNAVAILABLE`.
   */
  static async withRemoteKey(certificatePem: Buffer, remoteKey: RemoteKey, name: string): Promise<Signer> {
    const certificate = certificateIn(certificatePem, name);
    checkCa(certificate, name);
    const { publicKey } = certificate;
    const algorithm = signatureAlgorithmFor(publicKey);
    if (algorithm === undefined) throw invalid(`${name}: got another public key, expected RSA, P-256, P-384 or P-521`);
    const probe = Buffer.concat([PROBE, randomBytes(16)]);
    const signature = await remoteKey.sign(probe, algorithm);
    if (!verify(algorithm.hash, probe, publicKey, signature)) {
      throw invalid(`${remoteKey.name}: got another private key than that of ${name}`);
    }
    const material = materialOf(certificate, new SharedArrayBuffer(0));
    return new Signer(certificate, material, { algorithm, sign: (bytes) => remoteKey.sign(bytes, algorithm) });
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

/** No certificate and no list begins so: what signs it has signed nothing. */
const PROBE = Buffer.from('sidecert: does this key belong to its certificate? ');

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
  /** PKCS#8 DER; empty when the key signs elsewhere. */
  readonly privateKeyDer: SharedArrayBuffer;
}

function certificateIn(pem: Buffer, name: string): X509Certificate {
  const [der = Buffer.alloc(0)] = readCertificates(pem, { ...LIMITS, what: name });
  return parsed(name, () => new X509Certificate(der));
}

function materialOf(certificate: X509Certificate, privateKeyDer: SharedArrayBuffer): SignerMaterial {
  const id = createHash('sha256').update(certificate.raw).digest('hex');
  return { id, certificateDer: shared(certificate.raw), privateKeyDer };
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
