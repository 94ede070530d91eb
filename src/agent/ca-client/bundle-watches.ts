import type { CancelSignal } from '../../cancellation/index.js';
import type { Logger, MetricRegistry } from '../../telemetry/index.js';
import type { Unacknowledged } from './bundle-codec.js';
import type { BundleUnion } from './bundle-union.js';
import type { BundleWatch } from './bundle-watch.js';
import type { CaRequest } from './certificate-call.js';
import type { RankedCa } from './ranked-cas.js';

export interface BundleWatchesOptions {
  /** Of any workload that the CAs accept: there is one call for all of them. Left out, no CA is watched. */
  readonly bundleToken?: CaRequest['token'] | undefined;
  /** Which Envoys do not have the newest bundle: CAs are told when they are asked. */
  readonly unacknowledged?: () => Unacknowledged;
  readonly union: BundleUnion;
  readonly closing: CancelSignal;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Keeps the trust bundle of each CA that has given a certificate up to date. */
export class BundleWatches {
  /** By the rank of the CA; `undefined` while it is being loaded. */
  private readonly watched = new Map<number, BundleWatch | undefined>();
  private readonly listeners = new Set<(bundlePem: Buffer) => void>();

  constructor(private readonly options: BundleWatchesOptions) {}

  /** Calls `listener` with the union of all bundles when one of them has changed, until the result is called. */
  onBundle(listener: (bundlePem: Buffer) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Something of the union is another than before. It is told of when a CA has named its own part of it. */
  tell(): void {
    if (this.watched.size === 0) return;
    for (const listener of this.listeners) listener(this.options.union.all);
  }

  /** When the CA of this rank was last heard, in epoch milliseconds; `undefined` for one that does not offer it. */
  checkedMs(rank: number): number | undefined {
    return this.watched.get(rank)?.checkedMs;
  }

  /** The CA has given a certificate. */
  proven(ca: RankedCa): void {
    const { bundleToken } = this.options;
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
      ask: (knownVersion) => endpoint.askBundle({ knownVersion, unacknowledged: unacknowledged() }, token, closing),
      current: () => union.of(rank),
      take: (bundlePem) => {
        union.keep(rank, bundlePem);
        this.tell();
      },
    });
    this.watched.set(rank, watch);
    await watch.run();
  }
}

function none(): Unacknowledged {
  return { count: 0, nodeIds: [] };
}
