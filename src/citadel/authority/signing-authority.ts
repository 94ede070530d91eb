import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityError, messageOf } from '../../errors/index.js';
import { namesOfLeaf, type RemoteKey, Signer } from '../../hotpath/index.js';
import { SpiffeId, TrustBundle, type TrustDomain } from '../../pki/spiffe/index.js';
import { makeSelfSignedRoot, readCertificates } from '../../pki/x509/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import {
  type AuthorityFileNames,
  type AuthorityFiles,
  type AuthorityState,
  ISTIO_FILES,
  isKeyExposed,
  readAuthorityFiles,
  readKeptFiles,
} from './authority-directory.js';
import type { AuthorityStore } from './authority-store.js';
import { completeFirstAuthority, forgetFirstAuthorities, writeFirstAuthority } from './first-authority.js';
import { BACKDATING_MS } from './issuing-policy.js';
import { DEFAULT_SERVER_NAMES } from './server-names.js';
import { findSigningPath } from './signing-path.js';

/** What leaves are signed with, and what goes out beside them. Loaded whole and verified. */
export interface SigningAuthority {
  readonly signer: Signer;
  /**
   * SHA-256 of the certificate of the authority that a change of the root exchanges, hex: that of `signer`, unless an
   * online intermediate signs below it.
   */
  readonly authorityId: string;
  /**
   * PEM, one certificate each, ending in a newline: what peers need between leaf and root, from below to above. Empty
   * for a root that signs itself.
   */
  readonly intermediatesPem: readonly string[];
  /** The roots that workloads trusted when it was loaded. */
  readonly bundle: TrustBundle;
  /**
   * What goes out behind each leaf: the intermediates, and as one the roots that have not expired at this time, in
   * epoch milliseconds. The same array as long as it says the same. (reference: Istio C8)
   */
  issuersPemAt(nowMs: number): readonly string[];
  /** Epoch milliseconds: the earliest end of the signing certificate and of those above it. */
  readonly notAfterMs: number;
  /** Why peers would refuse a leaf with this name, by the name constraints above it; `undefined` when they do not. */
  nameProblem(name: string): string | undefined;
}

export interface SigningAuthorityOptions {
  /** Where key and certificates are, or will be; left out, they live in memory and end with the process. */
  readonly directory?: string;
  /** The key, where it signs elsewhere: the directory then has the certificates alone, and no root is ever made. */
  readonly remoteKey?: RemoteKey | undefined;
  /** Where they are, or will be, when the directory has none: what several replicas share. */
  readonly store?: AuthorityStore | undefined;
  /** The organization in a fresh root. */
  readonly trustDomain: TrustDomain;
  /** The names of Citadel's own certificate and those of workloads, which the authority must be able to issue, too. */
  readonly serverNames?: readonly string[];
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

/**
 * As Istio's own root; a fresh one is for trials and small meshes, which outlive any shorter one. (reference: Istio
 * C26)
 */
const ROOT_LIFE_MS = 10 * 365 * 24 * 3_600_000;

/**
 * Opens the signing authority: from the files of the directory, else from the store; if neither has one, a fresh P-256
 * root, which it keeps in the store, or without one in the directory. Of several Citadels that start with one empty
 * directory or store, all come to use the root of one.
 * @throws IdentityError `ERR_SIGNER_INVALID`: some of the files are missing, cannot be read or written, do not parse,
 *   do not belong together, or make an authority whose leaves peers would refuse; `ERR_BUNDLE_INVALID`: the roots.
 */
export async function openSigningAuthority(options: SigningAuthorityOptions): Promise<OpenedAuthority> {
  const { directory, logger } = options;
  const { files, names, place, isFresh } = await filesOf(options);
  const digest = digestOf(files);
  const authority = await loadFrom(options, files, names, place);
  const { serialNumber } = authority.signer.certificate;
  logger.info(isFresh ? 'signing authority created' : 'signing authority loaded', {
    [Field.path]: place?.path,
    [Field.serial]: serialNumber.toLowerCase(),
    [Field.notAfter]: new Date(authority.notAfterMs).toISOString(),
    [Field.bundleSize]: authority.bundle.size,
  });
  if (place === undefined) {
    logger.warn('signing authority is in memory only: its root ends with this process, and a restart makes another');
  } else if (place.path === directory && options.remoteKey === undefined && (await isKeyExposed(directory, names))) {
    logger.warn('CA key is readable for all users', { [Field.path]: join(directory, names.caKey) });
  }
  const from = place === undefined ? 'memory' : place.path === directory ? 'directory' : 'store';
  return { authority, from, digest, isFresh };
}

/** What a Citadel starts with. */
export interface OpenedAuthority {
  readonly authority: SigningAuthority;
  /** Where it is kept. */
  readonly from: 'memory' | 'directory' | 'store';
  /** Of its files. */
  readonly digest: string;
  /** It was made just now: nothing was issued by it before. */
  readonly isFresh: boolean;
}

/**
 * What the directory, or the store, has now; `undefined` when its files have this digest still.
 * @throws IdentityError `ERR_SIGNER_INVALID`, `ERR_BUNDLE_INVALID`: as of {@link openSigningAuthority}.
 */
export async function reopenSigningAuthority(
  options: SigningAuthorityOptions,
  { from, digest: known }: Pick<OpenedAuthority, 'from' | 'digest'>,
): Promise<OpenedAuthority | undefined> {
  const { directory, store, remoteKey } = options;
  const isKept = from === 'store';
  const what = isKept ? store?.name : `CA directory ${directory}`;
  const state = isKept ? await keptState(store) : await readAuthorityFiles(directory ?? '', remoteKey !== undefined);
  if (state.kind === 'incomplete') throw state.error;
  if (state.kind === 'empty') throw new IdentityError('ERR_SIGNER_INVALID', `${what}: got no files any more`);
  const { files, names } = state;
  const digest = digestOf(files);
  if (digest === known) {
    files.caKey.fill(0);
    return undefined;
  }
  const authority = await loadFrom(options, files, names, { what: what ?? '', path: what ?? '' });
  return { authority, from, digest, isFresh: false };
}

async function keptState(store: AuthorityStore | undefined): Promise<AuthorityState> {
  const kept = await store?.read();
  return kept === undefined || store === undefined ? { kind: 'empty' } : readKeptFiles(store.name, kept);
}

/** Of all parts, the key among them: a hash of 256 random bits tells nothing of them. */
function digestOf({ caKey, caCert, certChain, rootCert }: AuthorityFiles): string {
  const hash = createHash('sha256');
  for (const part of [caKey, caCert, certChain, rootCert]) hash.update(`${part.length} `).update(part);
  return hash.digest('hex');
}

interface FoundFiles {
  readonly files: AuthorityFiles;
  readonly names: AuthorityFileNames;
  /** Where they are; `undefined` in memory alone. */
  readonly place: FilesPlace | undefined;
  readonly isFresh: boolean;
}

interface FilesPlace {
  /** As messages name it. */
  readonly what: string;
  /** As a field of the log has it. */
  readonly path: string;
}

async function filesOf(options: SigningAuthorityOptions): Promise<FoundFiles> {
  const { directory, store } = options;
  if (directory !== undefined) {
    const inDirectory = await filesOfDirectory(directory, options);
    if (inDirectory !== undefined) return inDirectory;
  }
  if (store !== undefined) return filesOfStore(store, options);
  return {
    files: freshAuthority(options.trustDomain, options.now()),
    names: ISTIO_FILES,
    place: undefined,
    isFresh: true,
  };
}

/** `undefined` for an empty one when there is a store. */
async function filesOfDirectory(directory: string, options: SigningAuthorityOptions): Promise<FoundFiles | undefined> {
  const { store, remoteKey, lookAgainMs = LOOK_AGAIN_MS } = options;
  const place = { what: `CA directory ${directory}`, path: directory };
  for (let look = 1; ; look += 1) {
    const state = await readAuthorityFiles(directory, remoteKey !== undefined);
    if (state.kind === 'whole') {
      await forgetFirstAuthorities(directory);
      return { ...state, place, isFresh: false };
    }
    if (remoteKey === undefined && (await completeFirstAuthority(directory))) continue;
    if (state.kind === 'empty') {
      if (remoteKey !== undefined) throw withoutCertificates(directory, remoteKey);
      if (store !== undefined) return undefined;
      const files = freshAuthority(options.trustDomain, options.now());
      if (await writeFirstAuthority(directory, files)) return { files, names: ISTIO_FILES, place, isFresh: true };
      files.caKey.fill(0);
      if (look >= MAX_LOOKS) throw madeByAnother(`CA directory ${directory}`);
    } else if (look >= MAX_LOOKS) {
      throw state.error;
    } else {
      await sleep(lookAgainMs);
    }
  }
}

/**
 * The files of an authority that is not in use. Who asks wipes the key.
 * @throws IdentityError `ERR_SIGNER_INVALID`: it is none.
 */
export async function readAuthority(directory: string): Promise<AuthorityFiles> {
  const state = await readAuthorityFiles(directory);
  if (state.kind === 'whole') return state.files;
  const what = `CA directory ${directory}: got no files, expected those of an authority`;
  throw state.kind === 'incomplete' ? state.error : new IdentityError('ERR_SIGNER_INVALID', what);
}

/** A store keeps all files at once: one that is incomplete stays so. */
async function filesOfStore(store: AuthorityStore, options: SigningAuthorityOptions): Promise<FoundFiles> {
  for (let look = 1; ; look += 1) {
    const kept = await store.read();
    // Only now: it may be one of several places that the store has found.
    const place = { what: store.name, path: store.name };
    if (kept !== undefined) {
      const state = await readKeptFiles(store.name, kept);
      if (state.kind === 'whole') return { ...state, place, isFresh: false };
      if (state.kind === 'incomplete') throw state.error;
      throw new IdentityError('ERR_SIGNER_INVALID', `${store.name}: got no files, expected those of an authority`);
    }
    const files = freshAuthority(options.trustDomain, options.now());
    let isOurs = false;
    try {
      isOurs = await store.create(namedFiles(files));
    } finally {
      if (!isOurs) files.caKey.fill(0);
    }
    if (isOurs) return { files, names: ISTIO_FILES, place, isFresh: true };
    if (look >= MAX_LOOKS) {
      throw madeByAnother(store.name);
    }
  }
}

function madeByAnother(place: string): IdentityError {
  return new IdentityError('ERR_SIGNER_INVALID', `${place}: made by another process, and not there when read`);
}

function namedFiles(files: AuthorityFiles): ReadonlyMap<string, Buffer> {
  return new Map([
    [ISTIO_FILES.caCert, files.caCert],
    [ISTIO_FILES.caKey, files.caKey],
    [ISTIO_FILES.certChain, files.certChain],
    [ISTIO_FILES.rootCert, files.rootCert],
  ]);
}

function withoutCertificates(directory: string, { name }: RemoteKey): IdentityError {
  const files = [ISTIO_FILES.caCert, ISTIO_FILES.certChain, ISTIO_FILES.rootCert].join(', ');
  const what = `CA directory ${directory}: got no files, expected ${files} of the key ${name}`;
  return new IdentityError('ERR_SIGNER_INVALID', what);
}

/** Wipes the key, and says in an error where it is from. */
async function loadFrom(
  options: SigningAuthorityOptions,
  files: AuthorityFiles,
  names: AuthorityFileNames,
  place: FilesPlace | undefined,
): Promise<SigningAuthority> {
  try {
    return await loadAuthority(options, files, names);
  } catch (error) {
    if (place === undefined || !(error instanceof IdentityError)) throw error;
    throw new IdentityError(error.code, `${place.what}: ${error.message}`, { cause: error });
  } finally {
    files.caKey.fill(0);
  }
}

/** Verifies that the parts make one authority whose leaves peers accept. (reference: Istio C24) */
async function loadAuthority(
  { trustDomain, serverNames = DEFAULT_SERVER_NAMES, remoteKey, now, logger }: SigningAuthorityOptions,
  files: AuthorityFiles,
  names: AuthorityFileNames,
): Promise<SigningAuthority> {
  const nowMs = now();
  const signer =
    remoteKey === undefined
      ? Signer.load(files.caCert, files.caKey, { certificate: names.caCert, privateKey: names.caKey })
      : await Signer.withRemoteKey(files.caCert, remoteKey, names.caCert);
  const all = TrustBundle.parsePem(files.rootCert);
  const bundle = all.usableAt(nowMs) ?? all;
  if (bundle.size < all.size) {
    logger.warn('expired roots are left out of the trust bundle', {
      [Field.path]: names.rootCert,
      [Field.bundleSize]: bundle.size,
    });
  }
  const chain = readChain(files.certChain).map((der, index) =>
    parseChainCertificate(der, `${names.certChain}: certificate ${index + 1}`),
  );
  const parts = { signer, chain, bundle, authorityId: signer.material.id };
  return authorityOf(parts, { trustDomain, serverNames }, nowMs);
}

/** What an authority is made of. */
export interface AuthorityParts extends Pick<SigningAuthority, 'signer' | 'bundle' | 'authorityId'> {
  /** A set: in any order, with certificates that do not belong. */
  readonly chain: readonly X509Certificate[];
}

/**
 * Verifies that peers accept what is issued by these parts.
 * @throws IdentityError `ERR_SIGNER_INVALID`: they would refuse it.
 */
export function authorityOf(
  { signer, chain, bundle, authorityId }: AuthorityParts,
  { trustDomain, serverNames }: { readonly trustDomain: TrustDomain; readonly serverNames: readonly string[] },
  nowMs: number,
): SigningAuthority {
  const workload = SpiffeId.forServiceAccount(trustDomain, 'any', 'any').toString();
  const leafNames = namesOfLeaf([workload, ...serverNames]);
  const certificates = { signer: signer.certificate, chain, roots: bundle.list() };
  const path = findSigningPath(certificates, leafNames, nowMs);
  const intermediatesPem = path.shown.map(String);
  return {
    signer,
    authorityId,
    intermediatesPem,
    bundle,
    issuersPemAt: issuersPemOf(intermediatesPem, bundle),
    notAfterMs: path.notAfterMs,
    nameProblem(name) {
      try {
        findSigningPath(certificates, namesOfLeaf([name]), nowMs);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

/** A bundle is never empty: when its last root has expired, it stays, and nothing is issued any more. */
function issuersPemOf(intermediatesPem: readonly string[], bundle: TrustBundle): SigningAuthority['issuersPemAt'] {
  const issuersOf = (roots: TrustBundle) => ({
    issuersPem: [...intermediatesPem, roots.toPem().toString('latin1')],
    untilMs: roots.firstNotAfterMs,
  });
  let current = issuersOf(bundle);
  return (nowMs) => {
    if (nowMs > current.untilMs) {
      const roots = bundle.usableAt(nowMs);
      current = roots === undefined ? { ...current, untilMs: Number.POSITIVE_INFINITY } : issuersOf(roots);
    }
    return current.issuersPem;
  };
}

/** A root that signs itself has an empty chain. (reference: Istio C27) */
function readChain(pem: Buffer): Buffer[] {
  return pem.toString('latin1').trim() === '' ? [] : readCertificates(pem, CHAIN_LIMITS);
}

function parseChainCertificate(der: Buffer, what: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    const message = `${what} does not parse, expected an X.509 certificate`;
    throw new IdentityError('ERR_SIGNER_INVALID', message, { cause });
  }
}

/**
 * An empty chain, as Istio has for its own root: the answer to a CSR is then leaf and root, nothing between.
 * (reference: Istio C8, C27)
 */
export function freshAuthority(trustDomain: TrustDomain, nowMs: number): AuthorityFiles {
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
