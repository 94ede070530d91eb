import t from 'tap';
import { systemClock, WallClockTimers } from '../../src/timers/index.js';
import { FakeClock } from '../support/fake-clock.js';

t.test('calls come in the order of their times, on one timer', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  const calls: string[] = [];
  wheel.schedule(clock.now() + 300, () => calls.push('c'));
  wheel.schedule(clock.now() + 100, () => calls.push('a'));
  wheel.schedule(clock.now() + 200, () => calls.push('b'));
  t.equal(clock.armed, 1);
  clock.advance(99);
  t.strictSame(calls, []);
  clock.advance(1);
  t.strictSame(calls, ['a']);
  clock.advance(200);
  t.strictSame(calls, ['a', 'b', 'c']);
  t.equal(clock.armed, 0, 'nothing is armed when nothing is due');
});

t.test('a time of weeks ahead does not fire at once', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  let fired = false;
  wheel.schedule(clock.now() + 60 * 24 * 3600_000, () => {
    fired = true;
  });
  clock.advance(59 * 24 * 3600_000);
  t.notOk(fired);
  clock.advance(24 * 3600_000);
  t.ok(fired);
});

t.test('after the machine slept for 13 hours what is due is found within half a minute', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  let fired = false;
  wheel.schedule(clock.now() + 12 * 3600_000, () => {
    fired = true;
  });
  clock.advance(1000);
  clock.jump(13 * 3600_000);
  clock.advance(30_000);
  t.ok(fired);
});

for (const { name, backMs } of [
  { name: 'a minute', backMs: 60_000 },
  { name: 'a year', backMs: 365 * 24 * 3600_000 },
]) {
  t.test(`a clock that is set back by ${name} puts no call off, and brings none forward`, async (t) => {
    const clock = new FakeClock();
    const wheel = new WallClockTimers(clock);
    const calls: string[] = [];
    wheel.schedule(clock.now() + 10_000, () => calls.push('soon'));
    wheel.schedule(clock.now() + 3600_000, () => calls.push('later'));
    clock.jump(-backMs);
    clock.advance(9999);
    t.strictSame(calls, []);
    clock.advance(1);
    t.strictSame(calls, ['soon']);
    wheel.schedule(clock.now() + 5000, () => calls.push('scheduled behind it'));
    clock.advance(5000);
    t.strictSame(calls, ['soon', 'scheduled behind it']);
    clock.advance(3600_000 - 15_001);
    t.equal(calls.length, 2);
    clock.advance(1);
    t.strictSame(calls, ['soon', 'scheduled behind it', 'later']);
  });
}

t.test('a clock that is set back and put right again leaves the time as it was', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  let firedAtMs = 0;
  const dueAtMs = clock.now() + 3600_000;
  wheel.schedule(dueAtMs, () => {
    firedAtMs = clock.now();
  });
  clock.advance(60_000);
  clock.jump(-7200_000);
  clock.advance(60_000);
  clock.jump(7200_000);
  clock.advance(3600_000);
  t.equal(firedAtMs, dueAtMs);
});

t.test('what is scheduled after a jump forward is in time, although the timer of another is armed', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  let fired = false;
  wheel.schedule(clock.now() + 20_000, () => {});
  clock.jump(3600_000);
  wheel.schedule(clock.now() + 1000, () => {
    fired = true;
  });
  clock.advance(1000);
  t.ok(fired);
});

t.test('a cancelled call never comes, not even when it was due in the same turn', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  const calls: string[] = [];
  const later = wheel.schedule(clock.now() + 100, () => calls.push('cancelled'));
  later.cancel();
  wheel.schedule(clock.now() + 200, () => {
    calls.push('first');
    second.cancel();
  });
  const second = wheel.schedule(clock.now() + 200, () => calls.push('second'));
  clock.advance(1000);
  t.strictSame(calls, ['first']);
});

t.test('a call may schedule the next one', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  let count = 0;
  const again = (): void => {
    count += 1;
    wheel.schedule(clock.now() + 100, again);
  };
  wheel.schedule(clock.now() + 100, again);
  clock.advance(1000);
  t.equal(count, 10);
});

t.test('after close nothing comes and nothing is armed', async (t) => {
  const clock = new FakeClock();
  const wheel = new WallClockTimers(clock);
  wheel.schedule(clock.now() + 100, () => t.fail('called'));
  wheel.close();
  wheel.close();
  wheel.schedule(clock.now() + 100, () => t.fail('called')).cancel();
  clock.advance(1000);
  t.equal(clock.armed, 0);
});

t.test('the system clock fires on its own', async (t) => {
  const wheel = new WallClockTimers(systemClock);
  const alive = setTimeout(() => {}, 10_000);
  await new Promise<void>((resolve) => wheel.schedule(Date.now() + 5, resolve));
  wheel.schedule(Date.now() + 60_000, () => t.fail('called'));
  wheel.close();
  clearTimeout(alive);
});
