import { connect, type Socket } from 'node:net';
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
