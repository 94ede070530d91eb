import type { TrustBundle } from '../../pki/spiffe/index.js';
import { type FileDependencies, type FilesOf, parseBundleFile, ReloadedFiles } from '../files/index.js';
import { SecretContent } from '../identity/index.js';
import { encodeValidationContext, type UriMatcher } from './secret-codec.js';
import { federatedName } from './secret-names.js';

export interface FederatedBundlesOptions extends FileDependencies {
  /** The file of each trust domain but our own. */
  readonly files: ReadonlyMap<string, string>;
  readonly peerUris: readonly UriMatcher[];
}

/** The roots of other trust domains, from files. A domain whose file has never been good is not there. */
export class FederatedBundles {
  private readonly bundles = new Map<string, ReloadedFiles<TrustBundle>>();
  private readonly contents = new Map<string, SecretContent>();
  private readonly listeners = new Set<(domain: string) => void>();
  #pems: ReadonlyMap<string, Buffer> = new Map();

  constructor(private readonly options: FederatedBundlesOptions) {
    for (const [domain, path] of options.files) {
      const files: FilesOf<TrustBundle> = {
        what: federatedName(domain),
        paths: [path],
        parse: ([pem = Buffer.alloc(0)], round) => parseBundleFile(pem, options.now(), round),
        isSame: (one, other) => one.equals(other),
      };
      this.bundles.set(domain, new ReloadedFiles(files, options, () => this.changed(domain)));
    }
  }

  /** Reads all files for the first time, and goes on looking at them. Never rejects. */
  async open(): Promise<void> {
    await Promise.all([...this.bundles.values()].map((one) => one.open()));
  }

  /** Whether the domain is configured. */
  has(domain: string): boolean {
    return this.bundles.has(domain);
  }

  /** Those that are configured. */
  get domains(): readonly string[] {
    return [...this.bundles.keys()];
  }

  bundle(domain: string): SecretContent | undefined {
    return this.contents.get(domain);
  }

  /** The PEM of all that are there, by their domain; the same object until one of them changes. */
  get pems(): ReadonlyMap<string, Buffer> {
    return this.#pems;
  }

  /** Calls `listener` with the domain of each bundle that changes, until the result is called. */
  onChange(listener: (domain: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(): void {
    for (const one of this.bundles.values()) one.close();
  }

  private changed(domain: string): void {
    const { peerUris } = this.options;
    const pems = new Map<string, Buffer>();
    for (const [name, { value }] of this.bundles) if (value !== undefined) pems.set(name, value.toPem());
    this.#pems = pems;
    const pem = pems.get(domain);
    if (pem === undefined) return;
    this.contents.set(domain, new SecretContent('validation-context', encodeValidationContext(pem, { peerUris })));
    for (const listener of this.listeners) listener(domain);
  }
}
