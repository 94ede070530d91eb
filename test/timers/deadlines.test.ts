import t from 'tap';
import { Deadlines } from '../../src/timers/index.js';
import { FakeClock } from '../support/fake-clock.js';

function started() {
  const clock = new FakeClock();
  const calls: string[][] = [];
  const deadlines = new Deadlines<string>(100, (late) => calls.push([...late]), clock);
  return { clock, calls, deadlines };
}

t.test('two thousand things have one timer, and are late together', async (t) => {
  const { clock, calls, deadlines } = started();
  for (let i = 0; i < 2000; i++) deadlines.add(`${i}`);
  t.equal(clock.armed, 1);
  clock.advance(99);
  t.same(calls, []);
  clock.advance(1);
  t.same(
    calls.map(({ length }) => length),
    [2000],
  );
  t.equal(clock.armed, 0);
});

t.test('each is late at its own time, and what is done never', async (t) => {
  const { clock, calls, deadlines } = started();
  deadlines.add('first');
  clock.advance(30);
  deadlines.add('done');
  clock.advance(30);
  deadlines.add('last');
  t.ok(deadlines.delete('done'));
  t.notOk(deadlines.delete('done'));
  clock.advance(40);
  t.same(calls, [['first']]);
  t.notOk(deadlines.delete('first'), 'what is late is no longer here');
  clock.advance(59);
  t.same(calls, [['first']]);
  clock.advance(1);
  t.same(calls, [['first'], ['last']]);
});

t.test('without things there is no timer, and the next thing has its whole time', async (t) => {
  const { clock, calls, deadlines } = started();
  deadlines.add('a');
  clock.advance(60);
  deadlines.delete('a');
  t.equal(clock.armed, 0);
  deadlines.add('b');
  clock.advance(99);
  t.same(calls, []);
  clock.advance(1);
  t.same(calls, [['b']]);
});

t.test('a timer that fires too early is armed again', async (t) => {
  const { clock, calls, deadlines } = started();
  deadlines.add('a');
  clock.jump(-0.4);
  clock.advance(100);
  t.same(calls, []);
  t.equal(clock.armed, 1);
  clock.advance(1);
  t.same(calls, [['a']]);
});
