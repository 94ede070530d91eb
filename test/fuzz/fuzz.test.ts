import t from 'tap';
import { runFuzz } from './run-fuzz.js';
import { TARGETS } from './targets.js';

/** `npm run fuzz -- --target NAME --runs N --seed S` for more of them, and others. */
for (const [name, load] of Object.entries(TARGETS)) {
  t.test(`${name}: a second of seeded inputs is read within its bounds of time and memory`, async (t) => {
    const target = await load();
    t.equal(target.name, name);
    const { fault, met } = await runFuzz(target, { runs: target.testRuns, seed: 1 });
    t.equal(fault, undefined);
    const missed = Object.entries(met).filter(([, count]) => count < target.testRuns / 1000);
    t.same(missed, [], 'each kind of end is met');
  });
}
