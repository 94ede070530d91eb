import t from 'tap';
import { Shares } from '../../src/fairness/index.js';
import { usedMemoryMb } from '../support/used-memory.js';

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
  const beforeMb = usedMemoryMb();
  for (let index = 0; index < 200_000; index += 1) {
    shares.take(`holder ${index}`);
    shares.giveBack(`holder ${index}`);
  }
  const grownMb = usedMemoryMb() - beforeMb;
  t.ok(grownMb < 4, `${grownMb.toFixed(1)} MB for 200 000 holders that have nothing`);
  t.equal(shares.of('holder 0'), 0);
});
