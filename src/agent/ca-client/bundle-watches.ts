import type { CancelSignal } from '../../cancellation/index.js';
import type { Logger, MetricRegistry } from '../../telemetry/index.js';
import type { EnvoysBehind } from './bundle-codec.js';
import type { BundleUnion } from './bundle-union.js';
import type { BundleWatch } from './bundle-watch.js';
import type { CaRequest } from './certificate-call.js';
import type { RankedCa } from './ranked-cas.js';

export interface BundleWatchesOptions {
  /** Of any workload that the CAs accept: there is one call for all of them. Left out, no CA is watched. */
  readonly bundleToken?: CaRequest['token'] | undefined;
  /** What Envoys do not have yet: CAs are told when they are asked. */
  readonly unacknowledged?: () => EnvoysBehind;
  readonly union: BundleUnion;
  readonly closing: CancelSignal;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Revocation lists of CAs. */
export interface IssuedLists {
  /** PEM; empty when no certificate is revoked. */
  readonly pem: Buffer;
  /** Whether each root of the trust bundle is one of a CA that gives lists. */
  readonly areAllCovered: boolean;
}

/** Keeps the trust bundle of each CA that has given a certificate up to date. */
export class BundleWatches {
  /** By the rank of the CA; `undefined` while it is being loaded. */
  private readonly watched = new Map<number, BundleWatch | undefined>();
  private readonly listeners = new Set<(bundlePem: Buffer) => void>();

  /** By the rank of the CA: what it has said of revocation lists, `undefined` when it gives none. */
  private readonly lists = new Map<number, Buffer | undefined>();
  private readonly listsListeners = new Set<(lists: IssuedLists) => void>();

  constructor(private readonly options: BundleWatchesOptions) {}

  /** Calls `listener` with the revocation lists of all CAs when they may be others, until the result is called. */
  onLists(listener: (lists: IssuedLists) => void): () => void {
    this.listsListeners.add(listener);
    return () => void this.listsListeners.delete(listener);
  }

  /** Calls `listener` with the union of all bundles when one of them has changed, until the result is called. */
  onBundle(listener: (bundlePem: Buffer) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Something of the union is another than before. It is told of when a CA has named its own part of it. */
  tell(): void {
    if (this.watched.size === 0) return;
    for (const listener of this.listeners) listener(this.options.union.all);
    this.tellLists();
  }

  /** As Envoy takes them: with any list it refuses every peer of a CA that has none. */
  private tellLists(): void {
    const pem = Buffer.concat([...this.lists.values()].flatMap((one) => one ?? []));
    const areAllCovered = this.options.union.isCoveredBy((rank) => this.lists.get(rank) !== undefined);
    for (const listener of this.listsListeners) listener({ pem, areAllCovered });
  }

  /** When the CA of this rank was last heard, in epoch milliseconds; `undefined` for one that does not offer it. */
  checkedMs(rank: number): number | undefined {
    return this.watched.get(rank)?.checkedMs;
  }

  /** The CA has given a certificate. */
  proven(ca: RankedCa): void {
    const { bundleToken } = this.options;
    // Its roots may be others, which no list covers.
    if (this.lists.size > 0) this.tellLists();
    if (bundleToken === undefined || this.watched.has(ca.rank)) return;
    this.watched.set(ca.rank, undefined);
    void this.start(ca, bundleToken);
  }

  /** Loaded here: a start is over before. Never rejects. */
  private async start({ endpoint, rank }: RankedCa, token: CaRequest['token']): Promise<void> {
    const { BundleWatch } = await import('./bundle-watch.js');
    const { union, closing, unacknowledged = none } = this.options;
    const watch = new BundleWatch({
      ...this.options,
      address: endpoint.address,
      ask: (known) => endpoint.askBundle({ known, unacknowledged: unacknowledged() }, token, closing),
      current: () => union.of(rank),
      take: (bundlePem) => {
        union.keep(rank, bundlePem);
        this.tell();
      },
      takeLists: (pem) => {
        this.lists.set(rank, pem);
        this.tellLists();
      },
    });
    this.watched.set(rank, watch);
    await watch.run();
  }
}

function none(): EnvoysBehind {
  const all = { count: 0, nodeIds: [] };
  return { bundle: all, leaf: all };
}
