import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretContent } from '../../src/agent/identity/index.js';
import { envoy } from '../../src/net/protobuf/index.js';
import { TrustBundle } from '../../src/pki/spiffe/index.js';
import { ecKeys } from '../hotpath/pki.js';
import { privateKeyPem, TestCa } from './test-ca.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

export const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** An identity as it is mounted. */
export interface MountedFiles {
  readonly ca: TestCa;
  readonly chain: Buffer;
  readonly key: Buffer;
  readonly roots: Buffer;
  /** As `X509Certificate` writes it, in lower case. */
  readonly serial: string;
}

/** A new key and certificate, by a CA of its own if none is given. */
export function mountedFiles({
  ca = TestCa.root(`root ${randomUUID()}`),
  uris = [SLEEP],
  ...life
}: {
  readonly ca?: TestCa;
  readonly uris?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
} = {}): MountedFiles {
  const keys = ecKeys();
  const chain = ca.leaf(keys, { uris, dnsNames: ['sleep.test'], ...life });
  const serial = new X509Certificate(chain).serialNumber.toLowerCase();
  return { ca, chain, key: privateKeyPem(keys), roots: ca.certificatePem, serial };
}

/** The files of a set by their names in a layout. */
export const LAYOUTS: Readonly<Record<string, (set: MountedFiles) => Record<string, Buffer>>> = {
  Istio: ({ chain, key, roots }) => ({ 'cert-chain.pem': chain, 'key.pem': key, 'root-cert.pem': roots }),
  Kubernetes: ({ chain, key, roots }) => ({ 'tls.crt': chain, 'tls.key': key, 'ca.crt': roots }),
  'credential bundle': ({ chain, key, roots }) => ({
    'credentialbundle.pem': Buffer.concat([key, chain]),
    'ca.crt': roots,
  }),
};

/** The same by Istio's names. */
export function istioFiles(set: MountedFiles): Record<string, Buffer> {
  return LAYOUTS.Istio?.(set) ?? {};
}

/** Replaces a volume as the kubelet does (AtomicWriter): a new directory, then one rename of the link `..data`. */
export function writeAsKubelet(directory: string, files: Readonly<Record<string, Buffer>>, generation: string): void {
  const [current, next, link] = ['..data', `..${generation}`, '..data_tmp'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(next, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(next, name), content);
  let previous: string | undefined;
  try {
    previous = readlinkSync(current);
  } catch {
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(directory, name));
  }
  symlinkSync(`..${generation}`, link);
  renameSync(link, current);
  if (previous !== undefined) rmSync(join(directory, previous), { recursive: true });
}

/**
 * The serial of a whole served set: judged by OpenSSL, its key is that of its leaf, and its leaf is signed by its root.
 * `undefined` where there is none; throws for half a set.
 */
export function servedWhole(identity: {
  certificate(): SecretContent | undefined;
  bundle(): SecretContent | undefined;
}): string | undefined {
  const [certificate, bundle] = [identity.certificate(), identity.bundle()];
  if (certificate === undefined && bundle === undefined) return undefined;
  if (certificate === undefined || bundle === undefined) throw new Error('got half a set');
  const { tlsCertificate } = Secret.decode(certificate.body);
  const { validationContext } = Secret.decode(bundle.body);
  const leaf = new X509Certificate(Buffer.from(tlsCertificate?.certificateChain?.inlineBytes ?? []));
  const roots = TrustBundle.parsePem(Buffer.from(validationContext?.trustedCa?.inlineBytes ?? [])).list();
  const key = createPrivateKey(Buffer.from(tlsCertificate?.privateKey?.inlineBytes ?? []));
  if (!leaf.checkPrivateKey(key)) throw new Error('got a key of another leaf');
  if (!roots.some((root) => leaf.verify(root.publicKey))) throw new Error('got a leaf of another root');
  return leaf.serialNumber.toLowerCase();
}
