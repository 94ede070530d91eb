import type { BatchBound } from './batch-bound.js';
import type { IssuedLeaf } from './hot-path.js';
import type { BatchOperation, HotPathKind, IssueItem, Outcome } from './implementation.js';
import { loadOperation } from './operation.js';

/**
 * What a lone leaf may take of the event loop. The way to a thread and back takes more CPU than that: two threads are
 * woken, and two messages written and read. The addon takes 0.11 ms where the CA has an EC key; by an RSA key it takes
 * 1 ms, and is left to the threads. (docs/performance.md)
 */
const LONGEST_MS = 0.3;

/** Issues a lone leaf on the thread of its caller, once it is known that this is short. */
export class LoneIssue {
  private operate: BatchOperation<'issue'> | undefined;
  private isLoading = false;

  /**
   * `bound` knows how long a leaf takes, in the threads and here. `elapsedMs` never goes back.
   */
  constructor(
    private readonly kind: HotPathKind,
    private readonly bound: BatchBound,
    private readonly elapsedMs: () => number = () => performance.now(),
  ) {}

  /** `undefined`: it is for a thread. */
  tryIssue(item: IssueItem): { readonly outcome: Outcome<IssuedLeaf>; readonly runMs: number } | undefined {
    const knownMs = this.bound.itemMsOf('issue');
    if (knownMs === undefined || knownMs > LONGEST_MS) return undefined;
    if (this.operate === undefined) {
      this.load();
      return undefined;
    }
    const startedAtMs = this.elapsedMs();
    const [outcome] = this.operate([item]);
    const runMs = this.elapsedMs() - startedAtMs;
    this.bound.learn('issue', 1, runMs);
    return outcome && { outcome, runMs };
  }

  /** The threads have loaded the same: where it does not load here, they go on alone. */
  private load(): void {
    if (this.isLoading) return;
    this.isLoading = true;
    loadOperation(this.kind, 'issue').then(
      (operate) => {
        this.operate = operate;
      },
      () => {},
    );
  }
}
