import t from 'tap';
import { Sampler } from '../../src/tracing/sampler.js';
import { seededRandom } from '../support/prng.js';

const CALLS = 10_000;

function count(decide: () => boolean): number {
  let sampled = 0;
  for (let call = 0; call < CALLS; call += 1) if (decide()) sampled += 1;
  return sampled;
}

for (const { ratio, most, least } of [
  { ratio: 0, least: 0, most: 0 },
  { ratio: 0.1, least: 850, most: 1150 },
  { ratio: 1, least: CALLS, most: CALLS },
]) {
  t.test(`of what begins here a part of ${ratio} is recorded`, async (t) => {
    const sampler = new Sampler({ ratio, isParentBased: false, random: seededRandom(1) });
    const sampled = count(() => sampler.begins());
    t.ok(sampled >= least && sampled <= most, `${sampled}`);
  });

  t.test(`a caller that marks all of its calls gets no more than a part of ${ratio}`, async (t) => {
    const sampler = new Sampler({ ratio, isParentBased: false, random: seededRandom(2) });
    const sampled = count(() => sampler.follows(true));
    t.ok(sampled <= CALLS * ratio + 1, `${sampled}`);
  });

  t.test(`with callers of the same ratio, ${ratio}, most of what they record is recorded here`, async (t) => {
    const sampler = new Sampler({ ratio, isParentBased: false, random: seededRandom(3) });
    const callers = seededRandom(4);
    let marked = 0;
    const sampled = count(() => {
      const isMarked = callers() < ratio;
      if (isMarked) marked += 1;
      return sampler.follows(isMarked);
    });
    t.ok(sampled >= marked * 0.9, `${sampled} of ${marked}`);
  });
}

t.test('what a caller does not record is not recorded here', async (t) => {
  const sampler = new Sampler({ ratio: 1, isParentBased: false, random: () => 0 });
  t.equal(
    count(() => sampler.follows(false)),
    0,
  );
});

t.test('calls that are not marked save up for a bounded number of those that are', async (t) => {
  const sampler = new Sampler({ ratio: 0.5, isParentBased: false, random: () => 0 });
  count(() => sampler.follows(false));
  let together = 0;
  while (sampler.follows(true)) together += 1;
  t.ok(together < 130, `${together}`);
});

t.test('parent-based, a caller decides alone', async (t) => {
  const sampler = new Sampler({ ratio: 0, isParentBased: true, random: () => 0 });
  t.ok(sampler.follows(true));
  t.notOk(sampler.follows(false));
});
