import t from 'tap';
import { sleep } from '../../src/timers/index.js';
import { CountingSource, cancelledSignal } from '../support/cancel-signals.js';

const HOUR_MS = 3_600_000;

t.test('a pause that has passed leaves nothing behind on its signals', async (t) => {
  const signals = [new CountingSource(), new CountingSource()];
  await sleep(1, signals);
  t.same(
    signals.map(({ waiting }) => waiting),
    [0, 0],
  );
});

t.test('each of the signals ends a pause, and its timer with it', async (t) => {
  for (const at of [0, 1]) {
    const signals = [new CountingSource(), new CountingSource()];
    const over = sleep(HOUR_MS, signals);
    t.same(
      signals.map(({ waiting }) => waiting),
      [1, 1],
    );
    signals[at]?.cancel();
    await over;
    t.equal(signals[1 - at]?.waiting, 0);
  }
});

t.test('a pause after the cancellation is none', async (t) => {
  const other = new CountingSource();
  await sleep(HOUR_MS, [other, cancelledSignal()]);
  t.equal(other.waiting, 0);
});
