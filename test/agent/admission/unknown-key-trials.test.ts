import t from 'tap';
import { UnknownKeyTrials } from '../../../src/agent/admission/unknown-key-trials.js';
import { FakeClock } from '../../support/fake-clock.js';

function setUp() {
  const clock = new FakeClock(1_800_000_000_000);
  return { clock, trials: new UnknownKeyTrials(clock.now) };
}

t.test('one token of an unknown key is before the CA at a time', (t) => {
  const { trials } = setUp();
  t.ok(trials.begin());
  t.notOk(trials.begin());
  trials.end('accepted');
  t.ok(trials.begin(), 'the next one at once');
  t.end();
});

t.test('streams that end before the CA has answered cost a key each 5 s, not one after the other', (t) => {
  const { clock, trials } = setUp();
  for (let round = 0; round < 3; round += 1) {
    t.ok(trials.begin());
    trials.end('undecided');
    t.notOk(trials.begin());
    clock.advance(4999);
    t.notOk(trials.begin());
    clock.advance(1);
  }
  t.end();
});

t.test('after a refusal none goes to the CA for 5 s, doubled up to a minute until one is accepted', (t) => {
  const { clock, trials } = setUp();
  for (const pauseMs of [5000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    t.ok(trials.begin());
    trials.end('refused');
    clock.advance(pauseMs - 1);
    t.notOk(trials.begin(), `not after ${pauseMs - 1} ms`);
    clock.advance(1);
  }
  t.ok(trials.begin());
  trials.end('accepted');
  t.ok(trials.begin());
  trials.end('refused');
  clock.advance(5000);
  t.ok(trials.begin(), 'the pause is short again');
  t.end();
});

t.test('a clock that is set back does not prolong the pause', (t) => {
  const trials = new UnknownKeyTrials(() => nowMs);
  let nowMs = 1_800_000_000_000;
  trials.begin();
  trials.end('refused');
  nowMs -= 3600_000;
  t.ok(trials.begin());
  t.end();
});
