import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import { SpiffeId, type TrustBundle, type TrustDomain } from '../../pki/spiffe/index.js';
import { type CertificateFacts, ChainLink, IssuerPool, NameTag, PathSearch } from '../../pki/x509/index.js';
import { ISTIO_IDENTITY_FILES, pathError } from '../../system/small-files/index.js';
import { parseBundleFile } from './bundle-file.js';
import { type CertificatePair, parseCertificatePair } from './certificate-files.js';
import type { Round } from './reloaded-files.js';

/** The names of one way to mount an identity. A directory has the key of one of them. */
interface Layout {
  readonly key: string;
  readonly chain: string;
  /** The first that is there. */
  readonly roots: readonly string[];
}

const LAYOUTS: readonly Layout[] = [
  // Istio's secret volumes, and what its agent writes and reads.
  { ...ISTIO_IDENTITY_FILES, roots: [ISTIO_IDENTITY_FILES.roots] },
  // A Kubernetes TLS secret, as cert-manager fills it.
  { key: 'tls.key', chain: 'tls.crt', roots: ['ca.crt'] },
  // A pod certificate of the kubelet: first the key, then the chain. The roots are those of a ClusterTrustBundle.
  { key: 'credentialbundle.pem', chain: 'credentialbundle.pem', roots: ['ca.crt', 'root-cert.pem'] },
];

/** HAProxy's convention: the staple of `tls.crt` lies beside it as `tls.crt.ocsp`. */
const STAPLE_SUFFIX = '.ocsp';

const KEYS = LAYOUTS.map(({ key }) => key);

const NAMES = [
  ...new Set(LAYOUTS.flatMap(({ key, chain, roots }) => [key, chain, ...roots, `${chain}${STAPLE_SUFFIX}`])),
];

/** Where an identity is mounted. */
export interface IdentityPlace {
  readonly directory: string;
  /** The roots, when they are elsewhere. */
  readonly rootFile?: string | undefined;
}

/** The contents of one layout. */
export interface IdentityContents {
  readonly key: Buffer;
  readonly chain: Buffer;
  readonly roots: Buffer;
  readonly staple: Buffer | undefined;
}

/** All files that may belong to the identity, and those of them that may hold its key. */
export function identityPaths({ directory, rootFile }: IdentityPlace): { paths: string[]; keyPaths: string[] } {
  const inDirectory = (name: string): string => join(directory, name);
  return {
    paths: [...NAMES.map(inDirectory), ...(rootFile === undefined ? [] : [rootFile])],
    keyPaths: KEYS.map(inDirectory),
  };
}

/**
 * Which of the contents of {@link identityPaths}, in their order, make up the identity.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`: the key of no layout is there, or of several, or the key is alone.
 */
export async function chooseIdentityFiles(
  place: IdentityPlace,
  contents: readonly (Buffer | undefined)[],
): Promise<IdentityContents> {
  const { directory, rootFile } = place;
  const found = new Map(NAMES.map((name, index) => [name, contents[index]]));
  const [layout, another] = LAYOUTS.filter(({ key }) => found.get(key) !== undefined);
  if (layout === undefined) {
    // Missing files are one thing, a directory that cannot be seen is another.
    await readdir(directory).catch((error: unknown) => {
      throw pathError('ERR_SECRET_FILE_INVALID', directory, error, 'the directory of the mounted files');
    });
    throw invalid(directory, 'no key file', `one of ${KEYS.join(', ')}`);
  }
  if (another !== undefined) throw invalid(directory, `${layout.key} and ${another.key}`, 'the key of one of them');
  const { key, chain, roots } = layout;
  const contentOf = (...names: string[]): Buffer => {
    const content = names.map((name) => found.get(name)).find((one) => one !== undefined);
    if (content === undefined) throw invalid(directory, `no ${names.join(' and no ')}`, `it beside ${key}`);
    return content;
  };
  return {
    key: contentOf(key),
    chain: contentOf(chain),
    roots: rootFile === undefined ? contentOf(...roots) : rootsOf(rootFile, contents[NAMES.length]),
    staple: found.get(`${chain}${STAPLE_SUFFIX}`),
  };
}

function rootsOf(path: string, content: Buffer | undefined): Buffer {
  if (content === undefined) throw invalid(path, 'no such file', 'the roots of --identity-root');
  return content;
}

/** Whom a certificate may be for. */
export interface ExpectedIdentity {
  /** A SPIFFE ID of another one is refused. */
  readonly trustDomain: TrustDomain;
  /** The only one that it may have; `undefined`: any of the trust domain, or none. */
  readonly spiffeId: SpiffeId | undefined;
}

/** Key, chain and roots that have been proven to belong together. */
export interface IdentityFiles {
  /** Holds the key: wipe it. */
  readonly pair: CertificatePair;
  readonly bundle: TrustBundle;
  /** `undefined` for a certificate without one. */
  readonly spiffeId: SpiffeId | undefined;
  /** Lower-case hexadecimal digits. */
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
  /** After this moment (epoch milliseconds) the same files have another bundle. */
  readonly goodUntilMs: number | undefined;
}

/**
 * Reads a whole identity, and proves what an update in its middle breaks first: that key and chain are a pair, that the
 * chain leads to one of the roots, and that it is the identity of this workload.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`, `ERR_BUNDLE_INVALID`, `ERR_SPIFFE_ID_INVALID`.
 */
export function parseIdentityFiles(
  contents: IdentityContents,
  expected: ExpectedIdentity,
  { nowMs, hasOther, leftOut }: { nowMs: number; hasOther: boolean } & Pick<Round<unknown>, 'leftOut'>,
): IdentityFiles {
  const { value: bundle, goodUntilMs } = parseBundleFile(contents.roots, nowMs, { leftOut });
  const pair = parseCertificatePair(contents.chain, contents.key, { nowMs, hasOther });
  try {
    const [leaf] = pair.links;
    // The pair has been refused if they are none.
    if (typeof leaf.facts === 'string') throw invalid('certificate', leaf.facts, 'an X.509 certificate');
    const { notBeforeMs, notAfterMs } = leaf.facts;
    const spiffeId = checkedId(leaf.facts, expected);
    checkPath(pair, bundle, Math.max(nowMs, notBeforeMs));
    const serial = pair.leaf.serialNumber.toLowerCase();
    return { pair, bundle, spiffeId, serial, notBeforeMs, notAfterMs, goodUntilMs };
  } catch (error) {
    pair.privateKeyPem.fill(0);
    throw error;
  }
}

/** X509-SVID §2: one SPIFFE ID. Other URIs beside none are not ours to judge. */
function checkedId(
  { names = [] }: CertificateFacts,
  { trustDomain, spiffeId }: ExpectedIdentity,
): SpiffeId | undefined {
  const uris = names.filter(({ tag }) => tag === NameTag.uri).map(({ content }) => content.toString('latin1'));
  const [text, ...more] = uris.filter((uri) => uri.startsWith('spiffe://'));
  if (more.length > 0) throw invalid('certificate', `${more.length + 1} SPIFFE IDs`, 'one');
  if (spiffeId !== undefined && text !== spiffeId.toString()) {
    throw invalid('certificate', text ?? 'no SPIFFE ID', `${spiffeId}, by --namespace and --service-account`);
  }
  if (text === undefined) return undefined;
  const id = SpiffeId.parse(text);
  if (id.trustDomain.equals(trustDomain)) return id;
  throw invalid('certificate', text, `a SPIFFE ID of the trust domain ${trustDomain.name} (--trust-domain)`);
}

/** A chain of other roots is half of an update, or peers would refuse it: they have the roots that we have. */
function checkPath({ links: [leaf, ...others] }: CertificatePair, bundle: TrustBundle, nowMs: number): void {
  const anchors = bundle.list().map((certificate) => new ChainLink(certificate));
  const path = new PathSearch(new IssuerPool(anchors, others), nowMs).fromLeaf(leaf);
  if (path.kind === 'none') throw invalid(path.why.what, path.why.got, path.why.expected);
}

function invalid(what: string, got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `${what}: got ${got}, expected ${expected}`);
}
