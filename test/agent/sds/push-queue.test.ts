import t from 'tap';
import { forEachChunk } from '../../../src/agent/sds/for-each-chunk.js';
import { PushQueue } from '../../../src/agent/sds/push-queue.js';

/** One turn of the event loop. */
const turn = () => new Promise(setImmediate);

t.test('pushes go out in order, fifty a turn', async (t) => {
  const broadcast = new PushQueue();
  const pushed: number[] = [];
  for (let number = 0; number < 125; number += 1) broadcast.add({ push: () => pushed.push(number) });
  t.equal(pushed.length, 0, 'nothing before the caller is done');
  const counts: number[] = [];
  for (let turns = 0; turns < 4; turns += 1) {
    await turn();
    counts.push(pushed.length);
  }
  t.same(counts, [50, 100, 125, 125]);
  t.same(
    pushed,
    Array.from({ length: 125 }, (_, number) => number),
  );
});

t.test('a target added while others are pushed has its turn', async (t) => {
  const broadcast = new PushQueue();
  const pushed: string[] = [];
  const second = { push: () => pushed.push('second') };
  const push = () => {
    pushed.push('first');
    broadcast.add(second);
  };
  broadcast.add({ push });
  await turn();
  await turn();
  t.same(pushed, ['first', 'second']);
});

t.test(
  'row 66: what thousands of streams are due for at once is done in batches, for those that are still there',
  async (t) => {
    const streams = new Set(Array.from({ length: 125 }, (_, number) => number));
    const seen: number[] = [];
    const counts: number[] = [];
    forEachChunk(streams, (stream) => seen.push(stream));
    for (let turns = 0; turns < 4; turns += 1) {
      counts.push(seen.length);
      streams.delete(124 - turns);
      await turn();
    }
    t.same(counts, [50, 100, 123, 123]);
  },
);
