import type { TrustBundle } from '../../pki/spiffe/index.js';
import type { MetricRegistry } from '../../telemetry/index.js';
import type { WallClockTimers } from '../../timers/index.js';
import type { BundleEndpoint, EndpointProfile, EndpointStatus, ReadDocument } from '../federation/index.js';
import { type FileDependencies, type FilesOf, parseBundleFile, ReloadedFiles, usableRoots } from '../files/index.js';
import type { FederatedEndpoint } from './catalog-settings.js';
import { federatedName } from './secret-names.js';

/** What endpoints are asked with. */
export interface EndpointDependencies {
  readonly timers: WallClockTimers;
  readonly metrics: MetricRegistry;
  readonly readDocument: ReadDocument;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface FederatedDomainOptions extends FileDependencies {
  readonly name: string;
  readonly file: string | undefined;
  readonly endpoint: FederatedEndpoint | undefined;
  /** The roots of a trust domain as they are known now, by which an endpoint with an SVID of it is verified. */
  readonly rootsOf: (trustDomain: string) => TrustBundle | undefined;
  /** Is called after each change of {@link FederatedDomain.roots}. */
  readonly onChange: () => void;
}

/** How the roots of another trust domain stand, for an operator. */
export interface FederatedDomainStatus {
  readonly trustDomain: string;
  /** Where those that are served come from; `undefined` without any. */
  readonly source: 'file' | 'endpoint' | undefined;
  readonly roots: number;
  /** The roots that are served, in DER. */
  readonly certificates: readonly Buffer[];
  readonly file: string | undefined;
  readonly endpoint: (EndpointStatus & { readonly profile: EndpointProfile['kind'] }) | undefined;
}

/**
 * The roots of another trust domain: from a file, from its bundle endpoint, or from both. Of these the one counts that
 * has brought something last: the file until the endpoint has answered, and again when an operator has changed it.
 */
export class FederatedDomain {
  private readonly file: ReloadedFiles<TrustBundle> | undefined;
  private endpoint: BundleEndpoint | undefined;
  private source: 'file' | 'endpoint' | undefined;
  #roots: TrustBundle | undefined;

  constructor(private readonly options: FederatedDomainOptions) {
    const { file, name, now } = options;
    if (file === undefined) return;
    const files: FilesOf<TrustBundle> = {
      what: federatedName(name),
      paths: [file],
      parse: async ([content = Buffer.alloc(0)], round) => {
        if (!isJson(content)) return parseBundleFile(content, now(), round);
        const { parseSpiffeBundle } = await import('../federation/index.js');
        return usableRoots(parseSpiffeBundle(content).roots, now(), round);
      },
      isSame: (one, other) => one.equals(other),
    };
    this.file = new ReloadedFiles(files, options, () => this.fileRead());
  }

  /** Without what has expired; `undefined` as long as nothing good has come. */
  get roots(): TrustBundle | undefined {
    return this.#roots;
  }

  get status(): FederatedDomainStatus {
    const { name, file, endpoint } = this.options;
    const profile = endpoint?.spiffeId === undefined ? 'https_web' : 'https_spiffe';
    return {
      ...{ trustDomain: name, source: this.source, roots: this.#roots?.size ?? 0, file },
      certificates: (this.#roots?.list() ?? []).map(({ raw }) => raw),
      endpoint: this.endpoint && { ...this.endpoint.status, profile },
    };
  }

  /** Reads the file for the first time, and goes on looking at it. Never rejects. */
  async openFile(): Promise<void> {
    await this.file?.open();
  }

  /** Begins to ask the endpoint, if there is one. Loaded here: few agents have any. Waits for no answer. */
  async openEndpoint({ timers, metrics, random, readDocument }: EndpointDependencies): Promise<void> {
    const { name, endpoint, log, now } = this.options;
    if (endpoint === undefined) return;
    const { BundleEndpoint, fetchBundle } = await import('../federation/index.js');
    const url = new URL(endpoint.url);
    this.endpoint = new BundleEndpoint({
      ...{ trustDomain: name, url: url.href, timers, metrics, random, log, now },
      fetch: (signal) => fetchBundle(url, { profile: this.profileOf(endpoint), readDocument, signal }),
      onRoots: () => this.take('endpoint', this.endpoint?.roots),
    });
    this.endpoint.fetchNow();
  }

  /** Asks the endpoint now, if there is one. */
  fetchNow(): void {
    this.endpoint?.fetchNow();
  }

  /** What the server of the endpoint is verified by has changed. */
  trustChanged(trustDomain: string): void {
    if (this.options.endpoint?.spiffeId?.trustDomain.name === trustDomain) this.endpoint?.fetchNow();
  }

  async close(): Promise<void> {
    this.file?.close();
    await this.endpoint?.close();
  }

  private profileOf({ spiffeId }: FederatedEndpoint): EndpointProfile {
    if (spiffeId === undefined) return { kind: 'https_web' };
    const roots = this.options.rootsOf(spiffeId.trustDomain.name);
    return { kind: 'https_spiffe', spiffeId: spiffeId.toString(), roots };
  }

  private fileRead(): void {
    const roots = this.file?.value;
    if (roots === undefined) return;
    this.endpoint?.forgetSequence();
    this.take('file', roots);
  }

  private take(source: 'file' | 'endpoint', roots: TrustBundle | undefined): void {
    if (roots === undefined) return;
    this.source = source;
    const isNews = this.#roots?.equals(roots) !== true;
    this.#roots = roots;
    if (isNews) this.options.onChange();
  }
}

/** PEM begins with no brace. */
function isJson(content: Buffer): boolean {
  return /^\uFEFF?\s*\{/.test(content.subarray(0, 1024).toString('utf8'));
}
