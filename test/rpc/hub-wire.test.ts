import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { loadAddon } from '../../src/addon/index.js';
import type { Wire } from '../../src/http2/index.js';
import { listenUnix } from '../../src/rpc/index.js';
import { UnsentBytes } from '../../src/rpc/unsent-bytes.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { seededRandom } from '../support/prng.js';
import { shortDir } from '../support/short-dir.js';

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;

t.test('what was not sent keeps its order and its owners, however much the system takes at a time', async (t) => {
  const random = seededRandom(3);
  for (let round = 0; round < 50; round += 1) {
    const unsent = new UnsentBytes();
    const wanted: Buffer[] = [];
    const taken: Buffer[] = [];
    let [added, written] = [0, 0];
    const take = () => {
      const { next } = unsent;
      if (next === undefined) return;
      const count = Math.floor(random() * (next.length + 1));
      taken.push(Buffer.from(next.subarray(0, count)));
      unsent.took(count);
    };
    for (let step = 0; step < 2000; step += 1) {
      const bytes = Buffer.alloc(1 + Math.floor(random() * 700), step);
      wanted.push(bytes);
      if (random() < 0.5) {
        unsent.addCopy(bytes);
      } else {
        added += 1;
        unsent.add(bytes, () => (written += 1));
      }
      if (random() < 0.6) take();
    }
    const bytesOf = (buffers: readonly Buffer[]) => buffers.reduce((sum, { length }) => sum + length, 0);
    t.equal(unsent.bytes, bytesOf(wanted) - bytesOf(taken));
    if (round % 2 === 0) {
      while (unsent.bytes > 0) take();
      t.ok(Buffer.concat(taken).equals(Buffer.concat(wanted)));
    } else {
      unsent.giveUp();
    }
    t.equal(written, added);
    t.equal(unsent.next, undefined);
  }
});

/** Twice as many as fill the memory of one turn. */
const FLOODERS = 16;

t.test('a few peers that send without end do not keep others from being heard', { skip }, async (t) => {
  const path = join(shortDir(t), 's');
  const heard = new Map<number, number>();
  const wires: Wire[] = [];
  const onWire = (wire: Wire) => {
    const index = wires.push(wire) - 1;
    wire.start({
      received(_bytes, start, end) {
        heard.set(index, (heard.get(index) ?? 0) + end - start);
        // Slower than they send, so that all of them always have more.
        if (index < FLOODERS) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      },
      closed: () => {},
    });
  };
  const listener = await listenUnix({ path, mode: 0o600, backlog: 64, via: 'addon', onWire, logger: silentLogger });
  t.teardown(async () => {
    for (const wire of wires) wire.destroy();
    await listener.close();
  });
  const script = `
    const { workerData } = require('node:worker_threads');
    const bytes = Buffer.alloc(1 << 20);
    for (let index = 0; index < ${FLOODERS}; index += 1) {
      const socket = require('node:net').connect(workerData);
      const send = () => { while (socket.write(bytes)); };
      socket.on('drain', send).on('error', () => {});
      send();
    }`;
  const worker = new Worker(script, { eval: true, workerData: path });
  t.teardown(() => worker.terminate());
  while (heard.size < FLOODERS) await new Promise(setImmediate);
  const quiet = connect(path);
  t.teardown(() => quiet.destroy());
  for (let round = 1; round <= 50; round += 1) {
    quiet.write('x');
    while (heard.get(FLOODERS) !== round) await new Promise(setImmediate);
  }
  t.equal(heard.get(FLOODERS), 50);
});

t.test(
  'threads that end with their sockets open leave the process as it was',
  { skip, timeout: 100_000 },
  async (t) => {
    const module = new URL('../../src/rpc/index.js', import.meta.url).href;
    const script = `
    import { workerData, parentPort } from 'node:worker_threads';
    const { listenUnix } = await import(workerData.module);
    const logger = { writesDebug: false, debug() {}, info() {}, warn() {}, error() {} };
    const bytes = Buffer.alloc(100_000);
    const onWire = (wire) => {
      wire.start({ received: () => wire.send(0, bytes, bytes), closed: () => {} });
      parentPort.postMessage('accepted');
    };
    await listenUnix({ path: workerData.path, mode: 0o600, backlog: 64, via: 'addon', onWire, logger });
    parentPort.postMessage('listening');`;
    const directory = shortDir(t);
    const source = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    for (let round = 0; round < 3; round += 1) {
      const running = Array.from({ length: 8 }, async (_, index) => {
        const path = join(directory, `${round}-${index}`);
        const worker = new Worker(source, { workerData: { module, path } });
        await once(worker, 'message');
        const clients = Array.from({ length: 10 }, () => connect(path).on('error', () => {}));
        const closed = clients.map((client) => new Promise((resolve) => client.once('close', resolve)));
        for (const client of clients) client.write('x');
        await once(worker, 'message');
        // In the middle of what it sends, to peers that do not read.
        await worker.terminate();
        for (const client of clients) client.resume();
        await Promise.all(closed);
      });
      await Promise.all(running);
    }
    t.pass('each peer has seen its end');
  },
);
