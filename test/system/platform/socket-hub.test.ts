import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddon } from '../../../src/system/addon/index.js';
import {
  openSocketHub,
  reserveDescriptors,
  type SocketHub,
  type SocketHubEvents,
} from '../../../src/system/platform/index.js';
import { shortDir } from '../../support/short-dir.js';

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;

const PEERS = 300;

/** A hub that tells these things, closed with the test. */
function openHub(t: Test, events: Partial<SocketHubEvents>): SocketHub {
  const ignored = { accepted() {}, received() {}, ended() {}, writable() {}, acceptFailed() {} };
  const answer = openSocketHub(Buffer.alloc(64), { ...ignored, ...events });
  if (answer.kind !== 'open') throw new Error(answer.reason);
  t.teardown(() => answer.hub.close());
  return answer.hub;
}

/** Where a test puts its sockets; they end with it. */
function peersOf(t: Test): Socket[] {
  const peers: Socket[] = [];
  t.teardown(() => {
    for (const peer of peers) peer.destroy();
  });
  return peers;
}

/** For which a peer's bytes keep the event loop, as a first request does whose code is cold. */
const WORK_MS = 1;

t.test('turns are short when what peers send takes long, and nothing is lost by that', { skip }, async (t) => {
  const path = join(shortDir(t), 's');
  const perTurn: number[] = [];
  let inThisTurn = 0;
  let received = 0;
  let onAll = (): void => {};
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const hub = openHub(t, {
    received(_slot, start, end) {
      if (inThisTurn === 0) {
        setImmediate(() => {
          perTurn.push(inThisTurn);
          inThisTurn = 0;
        });
      }
      inThisTurn += 1;
      received += end - start;
      for (const endMs = performance.now() + WORK_MS; performance.now() < endMs; );
      if (received === PEERS) onAll();
    },
  });
  hub.listen(path, 4096);
  const peers = peersOf(t);
  await Promise.all(
    Array.from({ length: PEERS }, () => {
      const peer = connect(path);
      peers.push(peer);
      return new Promise((resolve) => peer.once('connect', resolve));
    }),
  );
  for (const peer of peers) peer.write('x');
  await all;
  await new Promise((resolve) => setImmediate(resolve));
  // However many have come at once, and however cheap they were before.
  t.ok(
    perTurn.every((count) => count <= 4),
    `in each turn: ${perTurn.join(' ')}`,
  );
});

t.test('connects as a client, and reads only when it is told to', { skip }, async (t) => {
  const path = join(shortDir(t), 's');
  const told: string[] = [];
  let onTold = (): void => {};
  const tell = (text: string): void => {
    told.push(text);
    onTold();
  };
  const until = async (length: number): Promise<void> => {
    while (told.length < length) await new Promise<void>((resolve) => (onTold = resolve));
  };
  const hub = openHub(t, {
    received: (_slot, start, end) => tell(hub.arena.toString('latin1', start, end)),
    ended: (_slot, errno) => tell(`ended ${errno}`),
  });
  t.equal(hub.connect(path), -constants.errno.ENOENT, 'nobody is there');
  t.equal(hub.connect('x'.repeat(108)), -constants.errno.EINVAL, 'no path of a socket');

  const server = createServer();
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => server.close());
  const slot = hub.connect(path);
  t.ok(slot >= 0);
  const peer = await accepted;
  t.teardown(() => peer.destroy());
  peer.write('one');
  await until(1);
  hub.setReading(slot, false);
  await new Promise((resolve) => peer.write('two', resolve));
  // Another socket of the same hub is heard meanwhile: the hub has looked, and left the paused one alone.
  const second = new Promise<Socket>((resolve) => server.once('connection', resolve));
  hub.connect(path);
  const other = await second;
  other.end('other');
  await until(3);
  hub.setReading(slot, true);
  await until(4);
  // An end is told even to one that does not read, or it would never be known.
  hub.setReading(slot, false);
  peer.destroy();
  await until(5);
  t.strictSame(told, ['one', 'other', 'ended 0', 'two', 'ended 0']);
});

/** Slots of this process's table of descriptors. (proc_pid_status(5)) */
function tableSlots(): number {
  return Number(/^FDSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

t.test('who listens has room for descriptors before peers come for them', { skip }, async (t) => {
  const path = join(shortDir(t), 's');
  let accepted = 0;
  const hub = openHub(t, { accepted: () => (accepted += 1) });
  hub.listen(path, 4096);
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(() => tableSlots() >= 1024);
  const peers = peersOf(t);
  // Each takes two descriptors of this process: more than half of the room is used, and there is more before it is
  // full.
  for (let count = 0; count < 300; count += 1) peers.push(connect(path));
  await until(() => accepted === 300 && tableSlots() >= 4096);
  const before = tableSlots();
  reserveDescriptors(before + 1);
  t.ok(tableSlots() > before);
});
