import t from 'tap';
import { ChunkedQueue } from '../../src/hotpath/chunked-queue.js';

/** A queue of three a turn, whose turns the test plays. */
function play() {
  const done: number[] = [];
  const turns: (() => void)[] = [];
  const queue = new ChunkedQueue<number>(
    3,
    (one) => done.push(one),
    (turn) => turns.push(turn),
  );
  return { done, turns, queue, turn: () => turns.shift()?.() };
}

t.test('a lone one is done at once', async (t) => {
  const { done, turns, queue } = play();
  queue.add([1]);
  queue.add([2]);
  t.strictSame(done, [1, 2]);
  t.equal(turns.length, 0);
});

t.test('several are done in later turns, in order, and with what comes meanwhile', async (t) => {
  const { done, turns, queue, turn } = play();
  queue.add([1, 2, 3, 4, 5]);
  t.strictSame(done, [], 'not one in the turn in which they came');
  queue.add([6]);
  queue.add([7]);
  t.strictSame(done, [], 'nor who comes behind them');
  turn();
  t.strictSame(done, [1, 2, 3]);
  turn();
  t.strictSame(done, [1, 2, 3, 4, 5, 6]);
  turn();
  t.strictSame(done, [1, 2, 3, 4, 5, 6, 7]);
  t.equal(turns.length, 0);
  queue.add([]);
  t.equal(turns.length, 0);
});

t.test('what is added by what is done waits for its turn', async (t) => {
  const done: number[] = [];
  const turns: (() => void)[] = [];
  const queue: ChunkedQueue<number> = new ChunkedQueue(
    2,
    (one) => {
      done.push(one);
      if (one < 10) queue.add([one + 10]);
    },
    (turn) => turns.push(turn),
  );
  queue.add([1, 2, 3]);
  turns.shift()?.();
  t.strictSame(done, [1, 2]);
  while (turns.length > 0) turns.shift()?.();
  t.strictSame(done, [1, 2, 3, 11, 12, 13]);
});
