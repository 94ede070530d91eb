import t from 'tap';
import { WallClockTimers, waitUntil } from '../../src/timers/index.js';
import { cancelledSignal } from '../support/cancel-signals.js';
import { FakeClock } from '../support/fake-clock.js';

t.test('a wait whose signal was cancelled before is over at once, and leaves no timer', async (t) => {
  const clock = new FakeClock();
  await waitUntil(new WallClockTimers(clock), clock.now() + 300_000, cancelledSignal());
  t.equal(clock.armed, 0);
});
