import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityError } from '../errors/index.js';
import { loadPathLength, makeSelfSignedRoot, Signer } from '../hotpath/index.js';
import { readCertificates } from '../pki/x509/index.js';
import { TrustBundle, type TrustDomain } from '../spiffe/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import {
  type AuthorityFiles,
  incompleteError,
  readAuthorityFiles,
  writeAuthorityFiles,
} from './authority-directory.js';
import { BACKDATING_MS } from './issuing-policy.js';
import { findSigningPath, type PathRules } from './signing-path.js';

/** What leaves are signed with, and what goes out beside them. Loaded whole and verified; never changes. */
export interface SigningAuthority {
  readonly signer: Signer;
  /** PEM, one certificate each, ending in a newline: what peers need between leaf and root. Empty for a root that signs itself. */
  readonly intermediatesPem: readonly string[];
  /** The roots that workloads trust. */
  readonly bundle: TrustBundle;
  /** What goes out behind each leaf: the intermediates, and all of the bundle as one. (reference: Istio C8) */
  readonly issuersPem: readonly string[];
  /** Epoch milliseconds: the earliest end of the signing certificate and of those above it. */
  readonly notAfterMs: number;
}

export interface SigningAuthorityOptions {
  /** Where key and certificates are, or will be; left out, they live in memory and end with the process. */
  readonly directory?: string;
  /** The organization in a fresh root. */
  readonly trustDomain: TrustDomain;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Between two looks at a directory that another process may be writing. */
  readonly lookAgainMs?: number;
}

/** Another Citadel writes its files within milliseconds; a disk that is busy takes longer to sync them. */
const LOOK_AGAIN_MS = 100;
const MAX_LOOKS = 20;

/** The bounds of a trust bundle. */
const CHAIN_LIMITS = {
  what: 'cert-chain.pem',
  code: 'ERR_SIGNER_INVALID',
  maxBytes: 1024 * 1024,
  maxBlocks: 100,
} as const;

/** As Istio's own root; a fresh one is for trials and small meshes, which outlive any shorter one. (reference: Istio C26) */
const ROOT_LIFE_MS = 10 * 365 * 24 * 3_600_000;

/**
 * Opens the signing authority: from the four files of the directory; if it has none of them, a fresh P-256 root,
 * which it writes there. Of several Citadels that start in one empty directory, all come to use the root of one.
 * @throws IdentityError `ERR_SIGNER_INVALID`: some of the files are missing, cannot be read or written, do not parse or
 *   do not belong together; `ERR_BUNDLE_INVALID`: the roots.
 */
export async function openSigningAuthority(options: SigningAuthorityOptions): Promise<SigningAuthority> {
  const { directory, now, logger } = options;
  const { files, isFresh } = await filesOf(options);
  const authority = loadFrom(directory, files, { nowMs: now(), pathLengthOf: await loadPathLength() });
  const { serialNumber } = authority.signer.certificate;
  logger.info(isFresh ? 'signing authority created' : 'signing authority loaded', {
    [Field.path]: directory,
    [Field.serial]: serialNumber.toLowerCase(),
    [Field.notAfter]: new Date(authority.notAfterMs).toISOString(),
    [Field.bundleSize]: authority.bundle.size,
  });
  return authority;
}

async function filesOf(options: SigningAuthorityOptions): Promise<{ files: AuthorityFiles; isFresh: boolean }> {
  const { directory, lookAgainMs = LOOK_AGAIN_MS } = options;
  if (directory === undefined) return { files: freshRoot(options), isFresh: true };
  for (let look = 1; ; look += 1) {
    const state = await readAuthorityFiles(directory);
    if (state.kind === 'whole') return { files: state.files, isFresh: false };
    if (state.kind === 'empty') {
      const files = freshRoot(options);
      if (await writeAuthorityFiles(directory, files)) return { files, isFresh: true };
      files.caKey.fill(0);
    } else if (look >= MAX_LOOKS) {
      throw incompleteError(directory, state.missing);
    } else {
      await sleep(lookAgainMs);
    }
  }
}

/** Wipes the key, and says in an error which directory it is about. */
function loadFrom(directory: string | undefined, files: AuthorityFiles, rules: PathRules): SigningAuthority {
  try {
    return loadAuthority(files, rules);
  } catch (error) {
    if (directory === undefined || !(error instanceof IdentityError)) throw error;
    throw new IdentityError(error.code, `CA directory ${directory}: ${error.message}`, { cause: error });
  } finally {
    files.caKey.fill(0);
  }
}

/** Verifies that the parts make one working authority. (reference: Istio C24) */
function loadAuthority(files: AuthorityFiles, rules: PathRules): SigningAuthority {
  const signer = Signer.load(files.caCert, files.caKey);
  const bundle = TrustBundle.parsePem(files.rootCert);
  const chain = readChain(files.certChain).map(parseChainCertificate);
  const path = findSigningPath(signer.certificate, chain, bundle.list(), rules);
  const intermediatesPem = intermediatesOf(signer.certificate, chain).map(String);
  return {
    signer,
    intermediatesPem,
    bundle,
    issuersPem: [...intermediatesPem, bundle.toPem().toString('latin1')],
    notAfterMs: Math.min(...path.map(({ validTo }) => Date.parse(validTo))),
  };
}

/**
 * The configured chain in its order, without self-signed certificates: peers hold the roots. The signing certificate
 * is in front even when the file leaves it out, for without it no peer can verify a leaf.
 */
function intermediatesOf(signer: X509Certificate, chain: readonly X509Certificate[]): readonly X509Certificate[] {
  const hasSigner = chain.some(({ fingerprint256 }) => fingerprint256 === signer.fingerprint256);
  const whole = hasSigner ? chain : [signer, ...chain];
  return whole.filter((certificate) => !certificate.checkIssued(certificate));
}

/** A root that signs itself has an empty chain. (reference: Istio C27) */
function readChain(pem: Buffer): Buffer[] {
  return pem.toString('latin1').trim() === '' ? [] : readCertificates(pem, CHAIN_LIMITS);
}

function parseChainCertificate(der: Buffer, index: number): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new IdentityError(
      'ERR_SIGNER_INVALID',
      `cert-chain.pem: certificate ${index + 1} does not parse, expected an X.509 certificate`,
      { cause },
    );
  }
}

/** An empty chain, as Istio has for its own root: the answer to a CSR is then leaf and root, nothing between. (reference: Istio C8, C27) */
function freshRoot({ trustDomain, now }: SigningAuthorityOptions): AuthorityFiles {
  const nowMs = now();
  const root = makeSelfSignedRoot({
    keyType: 'ec-p256',
    organization: trustDomain.name,
    notBeforeMs: nowMs - BACKDATING_MS,
    notAfterMs: nowMs + ROOT_LIFE_MS,
  });
  return {
    caCert: root.certificatePem,
    caKey: root.privateKeyPem,
    certChain: Buffer.alloc(0),
    rootCert: root.certificatePem,
  };
}
