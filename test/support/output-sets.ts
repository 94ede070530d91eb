import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { SvidFiles } from '../../src/agent/output/index.js';
import { TestCa } from './test-ca.js';

/** The three files as a reader finds them, in PEM. */
export interface ReadSet {
  readonly chain: string;
  readonly key: string;
  readonly root: string;
}

/** An SVID of a root of its own: no file of it goes with a file of another one. */
export function svidFiles(): SvidFiles {
  const root = TestCa.root();
  const intermediate = root.intermediate();
  const { certPem, keyPem } = intermediate.server({ uris: ['spiffe://cluster.local/ns/foo/sa/sleep'] });
  return {
    chainPem: Buffer.concat([certPem, intermediate.certificatePem]),
    privateKeyPem: keyPem,
    bundlePem: root.certificatePem,
    serial: new X509Certificate(certPem).serialNumber,
  };
}

/** By the names, as an application does that is told of a rotation. */
export function readByName(directory: string): ReadSet {
  return readSet(directory);
}

/** As a reader must that reads at any time: the link is followed once. `undefined` when it was replaced meanwhile. */
export function readAtOnce(directory: string): ReadSet | undefined {
  const current = readlinkSync(join(directory, '..data'));
  try {
    return readSet(join(directory, current));
  } catch (error) {
    if (readlinkSync(join(directory, '..data')) === current) throw error;
    return undefined;
  }
}

/** The same, again until no switch comes in between. */
export function readWhole(directory: string): ReadSet {
  for (;;) {
    const set = readAtOnce(directory);
    if (set !== undefined) return set;
  }
}

function readSet(directory: string): ReadSet {
  const text = (name: string): string => readFileSync(join(directory, name), 'utf8');
  return { chain: text('cert-chain.pem'), key: text('key.pem'), root: text('root-cert.pem') };
}

/** What does not fit in a set, by node:crypto; `undefined` when all does. */
export function mismatchOf({ chain, key, root }: ReadSet): string | undefined {
  const [leaf, intermediate] = chain
    .split(/(?<=-----END CERTIFICATE-----\n)(?=-)/)
    .map((pem) => new X509Certificate(pem));
  if (leaf === undefined || intermediate === undefined) return 'chain: expected a leaf and an intermediate';
  if (!leaf.checkPrivateKey(createPrivateKey(key))) return 'key: it is not that of the leaf';
  if (!leaf.verify(intermediate.publicKey)) return 'leaf: the intermediate has not signed it';
  const roots = root.split(/(?<=-----END CERTIFICATE-----\n)(?=-)/).map((pem) => new X509Certificate(pem));
  return roots.some((one) => intermediate.verify(one.publicKey)) ? undefined : 'intermediate: no root has signed it';
}

/** What lies in an output directory, names sorted. */
export function entriesOf(directory: string): string[] {
  return readdirSync(directory).sort();
}
