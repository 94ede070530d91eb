import { parentPort, workerData } from 'node:worker_threads';
import { CallConnection } from '../calls/call-connection.js';
import { NodeSockets } from '../sockets/node-sockets.js';
import type { PingOptions } from './ping-protocol.js';

// The thread of PingProbe: connections without a stream, a PING on each again and again. In a thread of its own, as the
// loop that takes thousands of pushes would add its own delay to what is measured.
const { socketPath, connections, periodMs, reportPeriodMs } = workerData as PingOptions;
const sockets = new NodeSockets();
let samples: number[] = [];

class QuietConnection {
  private isUp = false;
  private sentAtMs: number | undefined;
  private readonly connection = new CallConnection(socketPath, sockets, {
    connected: () => {
      this.isUp = true;
    },
    ponged: () => {
      const nowMs = performance.now();
      if (this.sentAtMs !== undefined) samples.push(performance.timeOrigin + nowMs, nowMs - this.sentAtMs);
      this.sentAtMs = undefined;
    },
    closed: () => {
      this.isUp = false;
    },
  });

  ping(): void {
    if (!this.isUp || this.sentAtMs !== undefined) return;
    this.sentAtMs = performance.now();
    this.connection.ping();
  }
}

const quiet = Array.from({ length: connections }, () => new QuietConnection());
let turn = 0;

// One after another, so that there is a PING under way at nearly all times.
setInterval(() => {
  turn = (turn + 1) % quiet.length;
  quiet[turn]?.ping();
}, periodMs);
setInterval(() => {
  const batch = Float64Array.from(samples);
  samples = [];
  parentPort?.postMessage(batch, [batch.buffer]);
}, reportPeriodMs);
