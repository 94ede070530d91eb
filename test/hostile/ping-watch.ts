import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { RawPeer } from '../support/raw-peer.js';
import type { HostileServer } from './served.js';

/** Row 66: a PING that takes longer than an Envoy's keep-alive allows costs it all of its streams. */
const GOAL_MS = 50;

/**
 * A run with coverage counts each block of code and inlines little: the slowest p99 of the hostile suite rises from 21
 * to 52 ms there (30 November 2026, 2 Xeon cores). The goal is for code as users run it; here a stall of the order of
 * the faults that were mended, 0.1 to 2 s, has to show.
 */
const LIMIT_MS = process.env._TAPJS_PROCESSINFO_COVERAGE_ === '1' ? 3 * GOAL_MS : GOAL_MS;

/** Milliseconds of CPU time that the main thread has had. (proc_pid_schedstat(5): the first figure, in ns) */
function cpuMs(): number {
  const [spent] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(spent) / 1e6;
}

/**
 * PINGs on a connection of its own, one after the other without a pause, so that one of them is under way in every
 * stall however short. Server and client are one thread, which waits for nothing but the other: so what a PING takes is
 * the CPU time of that thread. The clock on the wall would judge what else the machine does, and is only told.
 */
export class PingWatch {
  #isOver = false;
  readonly #tookMs: number[] = [];
  #slowestByWallMs = 0;
  readonly #watching: Promise<void>;

  private constructor(peer: RawPeer) {
    this.#watching = this.#watch(peer);
  }

  static async start(served: Pick<HostileServer, 'peer'>): Promise<PingWatch> {
    const peer = await served.peer();
    await peer.ping();
    return new PingWatch(peer);
  }

  /**
   * Ends it, and asserts that PINGs were answered in time: their p99, for the test runner's own work falls into one now
   * and then.
   */
  async wasNeverKeptWaiting(t: Test): Promise<void> {
    this.#isOver = true;
    await this.#watching;
    const tookMs = this.#tookMs.sort((one, other) => one - other);
    const p99Ms = tookMs[Math.floor(0.99 * (tookMs.length - 1))] ?? Number.POSITIVE_INFINITY;
    t.comment(
      `${tookMs.length} PINGs, p99 ${p99Ms.toFixed(1)} and slowest ${tookMs.at(-1)?.toFixed(1)} ms of CPU time, ` +
        `${this.#slowestByWallMs.toFixed(1)} ms by the clock`,
    );
    t.ok(p99Ms < LIMIT_MS, `p99 of PINGs: ${p99Ms.toFixed(1)} ms`);
  }

  async #watch(peer: RawPeer): Promise<void> {
    let spentMs = cpuMs();
    while (!this.#isOver) {
      const tookMs = await peer.ping();
      peer.frames.length = 0;
      const beforeMs = spentMs;
      spentMs = cpuMs();
      this.#tookMs.push(spentMs - beforeMs);
      this.#slowestByWallMs = Math.max(this.#slowestByWallMs, tookMs);
    }
  }
}
