import { connect, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadAddon } from '../../src/addon/index.js';
import { openSocketHub } from '../../src/platform/index.js';
import { shortDir } from '../support/short-dir.js';

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;

const PEERS = 300;

/** For which a peer's bytes keep the event loop, as a first request does whose code is cold. */
const WORK_MS = 1;

t.test('turns get shorter when what peers send takes long, and nothing is lost by that', { skip }, async (t) => {
  const path = join(shortDir(t), 's');
  const perTurn: number[] = [];
  let inThisTurn = 0;
  let received = 0;
  let onAll = (): void => {};
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const answer = openSocketHub(Buffer.alloc(64), {
    accepted() {},
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
    ended() {},
    writable() {},
    acceptFailed() {},
  });
  if (answer.kind !== 'open') throw new Error(answer.reason);
  const { hub } = answer;
  t.teardown(() => hub.close());
  hub.listen(path, 4096);
  const peers: Socket[] = [];
  t.teardown(() => {
    for (const peer of peers) peer.destroy();
  });
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
  const [longest, ...others] = [...perTurn].sort((a, b) => b - a);
  t.ok((longest ?? 0) <= 256, `in each turn: ${perTurn.join(' ')}`);
  // One is enough to learn from.
  t.ok(others.every((count) => count <= 128));
  t.ok(perTurn.filter((count) => count <= 16).length >= perTurn.length / 2);
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
  const answer = openSocketHub(Buffer.alloc(64), {
    accepted() {},
    received: (_slot, start, end) => tell(hub.arena.toString('latin1', start, end)),
    ended: (_slot, errno) => tell(`ended ${errno}`),
    writable() {},
    acceptFailed() {},
  });
  if (answer.kind !== 'open') throw new Error(answer.reason);
  const { hub } = answer;
  t.teardown(() => hub.close());
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
