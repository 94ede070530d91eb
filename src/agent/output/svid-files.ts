import { ISTIO_IDENTITY_FILES } from '../../system/small-files/index.js';

/** What is written, all in PEM: one SVID with its trust bundle. Its taker calls {@link wipeFiles}: it has a key. */
export interface SvidFiles {
  /** Leaf first. In memory of its own, as all of them. */
  readonly chainPem: Buffer;
  readonly privateKeyPem: Buffer;
  readonly bundlePem: Buffer;
  /** Of the leaf, hexadecimal, for the log and the status. */
  readonly serial: string;
}

/** Each file with its content. */
export function namedContents(files: SvidFiles): (readonly [name: string, content: Buffer])[] {
  return [
    [ISTIO_IDENTITY_FILES.chain, files.chainPem],
    [ISTIO_IDENTITY_FILES.key, files.privateKeyPem],
    [ISTIO_IDENTITY_FILES.roots, files.bundlePem],
  ];
}

/** Overwrites the private key. */
export function wipeFiles(files: SvidFiles): void {
  files.privateKeyPem.fill(0);
}
