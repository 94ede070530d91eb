import t from 'tap';
import { FairQueue, type QueuePlace } from '../../src/fairness/fair-queue.js';

const at = (uid: number | undefined, pid: number | undefined, connection: number): QueuePlace => ({
  uid,
  pid,
  connection,
});

function drain<T>(queue: FairQueue<T>): T[] {
  const all: T[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) all.push(next);
  return all;
}

t.test('what waits on one connection keeps its order', async (t) => {
  const queue = new FairQueue<string>();
  for (const one of ['a', 'b', 'c']) queue.push(one, at(1, 2, 3));
  t.strictSame(drain(queue), ['a', 'b', 'c']);
});

t.test(
  'a newcomer on another connection waits for one turn of each, however much the others have put in',
  async (t) => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 1000; index += 1) queue.push(`flood ${index}`, at(1337, 0, 1));
    for (let index = 0; index < 1000; index += 1) queue.push(`other ${index}`, at(1337, 0, 2));
    queue.push('new', at(1337, 0, 3));
    t.strictSame([queue.shift(), queue.shift(), queue.shift()], ['flood 0', 'other 0', 'new']);
    t.equal(drain(queue).length, 1998);
  },
);

t.test('connections do not multiply the share of their process, nor processes that of their user', async (t) => {
  const queue = new FairQueue<string>();
  for (let connection = 1; connection <= 50; connection += 1) queue.push('many connections', at(1, 10, connection));
  for (let pid = 20; pid < 70; pid += 1) queue.push('many processes', at(2, pid, 100 + pid));
  for (const one of ['x', 'y', 'z']) queue.push(one, at(3, 90, 999));
  const first = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(() => queue.shift());
  t.strictSame(first.filter((one) => one === 'many connections').length, 3);
  t.strictSame(first.filter((one) => one === 'many processes').length, 3);
  t.strictSame(first.slice(-1), ['z']);
});

t.test('who leaves is not served, and leaves no trace', async (t) => {
  const queue = new FairQueue<string>();
  queue.push('a', at(undefined, undefined, 1));
  queue.push('b', at(undefined, undefined, 1));
  t.ok(queue.delete('a', at(undefined, undefined, 1)));
  t.notOk(queue.delete('a', at(undefined, undefined, 1)));
  t.notOk(queue.delete('b', at(undefined, undefined, 2)));
  t.strictSame(drain(queue), ['b']);
  t.equal(queue.shift(), undefined);
});

t.test('random pushes, shifts and departures lose and repeat nothing', async (t) => {
  let state = 12345;
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state % below;
  };
  const queue = new FairQueue<number>();
  const waiting = new Map<number, QueuePlace>();
  for (let index = 0; index < 20_000; index += 1) {
    const step = random(3);
    const [oldest] = waiting;
    if (step === 0 && oldest !== undefined) {
      t.equal(queue.delete(...oldest), true);
      waiting.delete(oldest[0]);
    } else if (step === 1) {
      const next = queue.shift();
      t.equal(next === undefined, waiting.size === 0);
      t.equal(next === undefined || waiting.delete(next), true);
    } else {
      const place = at(random(3), random(3), random(5));
      waiting.set(index, place);
      queue.push(index, place);
    }
  }
  t.strictSame(
    drain(queue).sort((a, b) => a - b),
    [...waiting.keys()].sort((a, b) => a - b),
  );
});
