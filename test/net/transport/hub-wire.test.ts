import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import type { Wire } from '../../../src/net/http2/index.js';
import { listenUnix } from '../../../src/net/transport/index.js';
import { UnsentBytes } from '../../../src/net/transport/unsent-bytes.js';
import { loadAddon } from '../../../src/system/addon/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { seededRandom } from '../../support/prng.js';
import { shortDir } from '../../support/short-dir.js';
import { sizeOf } from '../../support/used-memory.js';

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
      const kind = random();
      if (kind < 0.4) {
        unsent.addCopy(bytes);
      } else if (kind < 0.6) {
        unsent.add(bytes);
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

t.test('many small answers that are not read take little more memory than their bytes', async (t) => {
  const [head, content] = [Buffer.alloc(60, 1), Buffer.alloc(20, 2)];
  const unread = () => {
    const unsent = new UnsentBytes();
    for (let count = 0; count < 20_000; count += 1) {
      unsent.addCopy(head);
      unsent.add(content);
    }
    return unsent;
  };
  const taken = await sizeOf(unread);
  const { bytes } = unread();
  t.ok(taken < 1.5 * bytes, `${taken} bytes for ${bytes}`);
});

/** A listener for one wire, and who has connected to it. */
async function connected(t: Test): Promise<{ wire: Wire; peer: Socket }> {
  const path = join(shortDir(t), 's');
  let onWire = (_wire: Wire): void => {};
  const accepted = new Promise<Wire>((resolve) => (onWire = resolve));
  const options = { path, mode: 0o600, backlog: 64, via: 'addon', onWire, logger: silentLogger } as const;
  const listener = await listenUnix(options);
  const peer = connect(path);
  const wire = await accepted;
  wire.start({ received() {}, closed() {} });
  t.teardown(async () => {
    peer.destroy();
    wire.destroy();
    await listener.close();
  });
  return { wire, peer };
}

t.test('a peer that reads late reads all of it in order, and so does one that is left at once', { skip }, async (t) => {
  for (const isLeftAtOnce of [false, true]) {
    const { wire, peer } = await connected(t);
    const heads: string[] = [];
    let written = 0;
    // Many turns' worth in one turn, and more than the kernel keeps for a peer unless it is to be left.
    const count = isLeftAtOnce ? 20 : 2000;
    const shared = Buffer.alloc(1500, 's');
    for (let index = 0; index < count; index += 1) {
      const head = `head ${index}\n`;
      heads.push(head);
      wire.send(wire.outbox.bytes.write(head), shared, Buffer.from(`tail ${index}\n`), () => (written += 1));
    }
    if (isLeftAtOnce) wire.destroy();
    else await sleep(50);
    let text = '';
    const wanted = heads.map((head, index) => `${head}${'s'.repeat(1500)}tail ${index}\n`).join('');
    for await (const part of peer) {
      text += part;
      if (text.length >= wanted.length) break;
    }
    t.ok(text === wanted, `${text.length} bytes`);
    t.equal(written, count);
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
  { skip, timeout: 250_000 },
  async (t) => {
    const module = new URL('../../../src/net/transport/index.js', import.meta.url).href;
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
