import { CancelSource } from '../../cancellation/index.js';
import { messageOf } from '../../errors/index.js';
import { plainSerial } from '../../text/index.js';
import { sleep } from '../../timers/index.js';
import { TrailFollower, type TrailLine } from '../trail/index.js';
import type { InventoryEntry, InventoryStore } from './inventory-store.js';

/** Between two looks at the trail when nothing has come. */
const LOOK_MS = 500;

/** Between two tries of a database that is away: doubled from one to the next. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

const HOUR_MS = 3_600_000;

export interface TrailReaderOptions {
  readonly open: () => Promise<InventoryStore>;
  readonly directory: string;
  /** Of {@link import('./inventory-store.js').ReadPosition}. */
  readonly source: string;
  /** The last record on the disk when this trail was opened: what the database has behind it was lost. */
  readonly openedAt: number;
  /** What ended so long ago is taken away. */
  readonly keepMs: number;
  readonly now: () => number;
  /** After each step: how far it has come, or why not. */
  readonly report: (state: TrailReaderState) => void;
}

export interface TrailReaderState {
  /** The number of the last record that is in the inventory. */
  readonly n: number;
  /** What database or disk says as long as they are away. */
  readonly failure?: string;
}

/** Reads a trail into an inventory as it goes on; a database that is away is opened again. */
export class TrailReader {
  private readonly stop = new CancelSource();
  private isEnding = false;
  private n = 0;
  private cleanedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: TrailReaderOptions) {}

  /** Resolves when it was told to end. */
  async run(): Promise<void> {
    for (let tries = 0; !this.stop.isCancelled; tries += 1) {
      const before = this.n;
      try {
        await this.readOn();
        return;
      } catch (error) {
        if (this.isEnding) return;
        if (this.n > before) tries = 0;
        this.options.report({ n: this.n, failure: messageOf(error) });
        await sleep(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** tries), [this.stop]);
      }
    }
  }

  /** It ends when it has read what is there, or at the first failure. */
  end(): void {
    this.isEnding = true;
    this.stop.cancel();
  }

  private async readOn(): Promise<void> {
    const { open, directory, source, openedAt, report } = this.options;
    const store = await open();
    try {
      // A database that was set back, or away, goes on where it stands.
      this.n = Math.min(await store.position(source), Math.max(this.n, openedAt));
      const follower = new TrailFollower(directory, this.n);
      report({ n: this.n });
      for (;;) {
        const isLast = this.isEnding;
        const lines = await follower.next();
        const last = lines.at(-1);
        if (last !== undefined) {
          await store.add(lines.flatMap(entryOf), { source, n: last.record.n });
          this.n = last.record.n;
          report({ n: this.n });
        } else if (isLast) {
          return;
        } else {
          await this.removeEnded(store);
          await sleep(LOOK_MS, [this.stop]);
        }
      }
    } finally {
      await store.close().catch(() => {});
    }
  }

  private async removeEnded(store: InventoryStore): Promise<void> {
    const nowMs = this.options.now();
    if (Math.abs(nowMs - this.cleanedAtMs) < HOUR_MS) return;
    this.cleanedAtMs = nowMs;
    await store.removeEndedBefore(nowMs - this.options.keepMs);
  }
}

/** What a record says of a certificate; nothing of another one, or of one that no Citadel has written so. */
function entryOf({ record, text }: TrailLine): InventoryEntry[] {
  const { event, time, serial, spiffe_id: spiffeId, not_before: notBefore = time, not_after: notAfter } = record;
  if ((event !== 'issued' && event !== 'revoked') || typeof serial !== 'string') return [];
  const [atMs = NaN, notBeforeMs = NaN, notAfterMs = NaN] = [time, notBefore, notAfter].map((one) =>
    Date.parse(String(one)),
  );
  if (Number.isNaN(atMs + notBeforeMs + notAfterMs)) return [];
  return [
    {
      ...{ event, serial: plainSerial(serial), spiffeId: typeof spiffeId === 'string' ? spiffeId : '' },
      ...{ atMs, notBeforeMs, notAfterMs, record: text },
    },
  ];
}
