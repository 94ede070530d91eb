import t from 'tap';
import { Shares } from '../../src/fairness/index.js';
import { leakOf } from '../support/used-memory.js';

/** Lets each of `holders` take what it may, in turns, until none may have more. */
function takeAll(shares: Shares<string>, places: number, holders: readonly string[]): number {
  let free = places;
  for (;;) {
    const before = free;
    for (const holder of holders) {
      if (free === 0 || shares.isTaken(holder, free)) continue;
      shares.take(holder);
      free -= 1;
    }
    if (free === before) return free;
  }
}

for (const { part, holders, each } of [
  { part: 1, holders: ['a'], each: 128 },
  { part: 3, holders: ['a'], each: 192 },
  { part: 1, holders: ['a', 'b', 'c'], each: 64 },
]) {
  t.test(`with a part of ${part}, ${holders.length} holders of 256 places have ${each} each`, async (t) => {
    const shares = new Shares<string>(part);
    const free = takeAll(shares, 256, holders);
    t.same(
      holders.map((holder) => shares.of(holder)),
      holders.map(() => each),
    );
    t.equal(free, 256 - holders.length * each);
    t.notOk(shares.isTaken('newcomer', free));
  });
}

t.test('a holder that has given all back is forgotten', async (t) => {
  const shares = new Shares<string>();
  shares.take('a');
  shares.take('a');
  shares.giveBack('a');
  t.equal(shares.of('a'), 1);
  shares.giveBack('a');
  t.equal(shares.of('a'), 0);
  let holders = 0;
  const grown = await leakOf(() => {
    for (const end = holders + 40_000; holders < end; holders += 1) {
      shares.take(`holder ${holders}`);
      shares.giveBack(`holder ${holders}`);
    }
  });
  t.ok(grown < 40_000 * 10, `${grown} bytes for 40 000 holders that have nothing; the name of one takes more than 20`);
  t.equal(shares.of('holder 0'), 0);
});
