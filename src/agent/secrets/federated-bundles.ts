import type { FileDependencies } from '../files/index.js';
import { SecretContent } from '../identity/index.js';
import type { FederatedEndpoint } from './catalog-settings.js';
import { type EndpointDependencies, FederatedDomain, type FederatedDomainStatus } from './federated-domain.js';
import { encodeValidationContext, type UriMatcher } from './secret-codec.js';

export interface FederatedBundlesOptions extends FileDependencies {
  /** By trust domain, each but our own. */
  readonly files: ReadonlyMap<string, string>;
  /** The same. */
  readonly endpoints?: ReadonlyMap<string, FederatedEndpoint>;
  readonly peerUris: readonly UriMatcher[];
}

/** The roots of other trust domains. A domain of which nothing good has come yet is not there. */
export class FederatedBundles {
  private readonly byDomain = new Map<string, FederatedDomain>();
  private readonly contents = new Map<string, SecretContent>();
  private readonly listeners = new Set<(domain: string) => void>();
  #pems: ReadonlyMap<string, Buffer> = new Map();

  constructor(private readonly options: FederatedBundlesOptions) {
    const { files, endpoints = new Map<string, FederatedEndpoint>() } = options;
    for (const name of new Set([...files.keys(), ...endpoints.keys()])) {
      const domain = new FederatedDomain({
        ...options,
        ...{ name, file: files.get(name), endpoint: endpoints.get(name) },
        rootsOf: (trustDomain) => this.byDomain.get(trustDomain)?.roots,
        onChange: () => this.changed(name),
      });
      this.byDomain.set(name, domain);
    }
  }

  /**
   * Reads all files for the first time, and goes on looking at them; then begins to ask the endpoints, if there is what
   * they are asked with. Never rejects.
   */
  async open(asking?: EndpointDependencies): Promise<void> {
    const domains = [...this.byDomain.values()];
    await Promise.all(domains.map((domain) => domain.openFile()));
    if (asking !== undefined) await Promise.all(domains.map((domain) => domain.openEndpoint(asking)));
  }

  /** Whether the domain is configured. */
  has(domain: string): boolean {
    return this.byDomain.has(domain);
  }

  /** Those that are configured. */
  get domains(): readonly string[] {
    return [...this.byDomain.keys()];
  }

  bundle(domain: string): SecretContent | undefined {
    return this.contents.get(domain);
  }

  /** The PEM of all that are there, by their domain; the same object until one of them changes. */
  get pems(): ReadonlyMap<string, Buffer> {
    return this.#pems;
  }

  statuses(): readonly FederatedDomainStatus[] {
    return [...this.byDomain.values()].map(({ status }) => status);
  }

  /** Calls `listener` with the domain of each bundle that changes, until the result is called. */
  onChange(listener: (domain: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Asks all endpoints now. */
  fetchNow(): void {
    for (const domain of this.byDomain.values()) domain.fetchNow();
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    await Promise.all([...this.byDomain.values()].map((domain) => domain.close()));
  }

  private changed(domain: string): void {
    const { peerUris } = this.options;
    const pems = new Map<string, Buffer>();
    for (const [name, { roots }] of this.byDomain) if (roots !== undefined) pems.set(name, roots.toPem());
    this.#pems = pems;
    const pem = pems.get(domain);
    if (pem === undefined) return;
    this.contents.set(domain, new SecretContent('validation-context', encodeValidationContext(pem, { peerUris })));
    for (const listener of this.listeners) listener(domain);
    for (const one of this.byDomain.values()) one.trustChanged(domain);
  }
}
