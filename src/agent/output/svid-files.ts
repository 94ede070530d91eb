/** What is written, all in PEM: one SVID with its trust bundle. Its taker calls {@link wipeFiles}: it has a key. */
export interface SvidFiles {
  /** Leaf first. In memory of its own, as all of them. */
  readonly chainPem: Buffer;
  readonly privateKeyPem: Buffer;
  readonly bundlePem: Buffer;
  /** Of the leaf, hexadecimal, for the log and the status. */
  readonly serial: string;
}

/** Their names, which are those of Istio's agent. */
export const FILE_NAMES = { chainPem: 'cert-chain.pem', privateKeyPem: 'key.pem', bundlePem: 'root-cert.pem' } as const;

/** Each file with its content. */
export function namedContents(files: SvidFiles): (readonly [name: string, content: Buffer])[] {
  return [
    [FILE_NAMES.chainPem, files.chainPem],
    [FILE_NAMES.privateKeyPem, files.privateKeyPem],
    [FILE_NAMES.bundlePem, files.bundlePem],
  ];
}

/** Overwrites the private key. */
export function wipeFiles(files: SvidFiles): void {
  files.privateKeyPem.fill(0);
}
