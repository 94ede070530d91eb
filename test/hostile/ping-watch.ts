import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { RawPeer } from '../support/raw-peer.js';
import type { HostileServer } from './served.js';

/** Row 66: a PING that takes longer than an Envoy's keep-alive allows costs it all of its streams. */
const LIMIT_MS = 50;

/** Milliseconds of CPU time that the main thread has had. (proc_pid_schedstat(5): the first figure, in ns) */
function cpuMs(): number {
  const [spent] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(spent) / 1e6;
}

/**
 * PINGs on a connection of its own, one after the other without a pause, so that one of them is under way in every stall
 * however short. Server and client are one thread, which waits for nothing but the other: so what a PING takes is the CPU
 * time of that thread. The clock on the wall would judge what else the machine does, and is only told.
 */
export class PingWatch {
  #isOver = false;
  #count = 0;
  #slowestMs = 0;
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

  /** Ends it, and asserts that each PING was answered in time. */
  async wasNeverKeptWaiting(t: Test): Promise<void> {
    this.#isOver = true;
    await this.#watching;
    const slowestMs = this.#slowestMs;
    t.comment(
      `${this.#count} PINGs, slowest ${slowestMs.toFixed(1)} ms of CPU time, ${this.#slowestByWallMs.toFixed(1)} ms by the clock`,
    );
    t.ok(slowestMs < LIMIT_MS, `slowest PING: ${slowestMs.toFixed(1)} ms`);
  }

  async #watch(peer: RawPeer): Promise<void> {
    let spentMs = cpuMs();
    while (!this.#isOver) {
      const tookMs = await peer.ping();
      peer.frames.length = 0;
      const beforeMs = spentMs;
      spentMs = cpuMs();
      this.#count += 1;
      this.#slowestMs = Math.max(this.#slowestMs, spentMs - beforeMs);
      this.#slowestByWallMs = Math.max(this.#slowestByWallMs, tookMs);
    }
  }
}
