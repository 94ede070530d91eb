import t from 'tap';
import { type AttemptEvents, DialRace } from '../../../src/net/transport/dial/dial-race.js';
import { FakeClock } from '../../support/fake-clock.js';

interface Told extends AttemptEvents<string> {
  readonly address: string;
  isCancelled: boolean;
}

/** A race whose attempts do what the test says, on a clock that the test moves. */
function race(...addresses: string[]) {
  const clock = new FakeClock();
  const attempts: Told[] = [];
  const ends: string[] = [];
  const run = new DialRace<string>({
    addresses,
    begin(address, events) {
      const told = { ...events, address, isCancelled: false };
      attempts.push(told);
      return {
        cancel() {
          told.isCancelled = true;
        },
      };
    },
    after: (delayMs, fire) => clock.after(delayMs, fire),
    onWon: (value) => ends.push(`won ${value}`),
    onLost: (errors) => ends.push(`lost ${errors.map(({ message }) => message).join()}`),
  });
  run.start();
  const at = (index: number): Told => {
    const attempt = attempts[index];
    if (attempt === undefined) throw new Error(`no attempt ${index}`);
    return attempt;
  };
  return { clock, attempts, ends, run, at, begun: () => attempts.map(({ address }) => address).join('') };
}

t.test('the next address is tried 250 ms after the one before, which goes on', async (t) => {
  const { clock, at, ends, begun } = race('a', 'b', 'c');
  t.equal(begun(), 'a');
  clock.advance(249);
  t.equal(begun(), 'a');
  clock.advance(1);
  t.equal(begun(), 'ab');
  clock.advance(250);
  t.equal(begun(), 'abc');
  clock.advance(60_000);
  at(0).reached();
  at(0).succeeded('the first, late');
  t.same(ends, ['won the first, late']);
  t.same(
    [0, 1, 2].map((index) => at(index).isCancelled),
    [false, true, true],
  );
  t.equal(clock.armed, 0);
});

t.test('an address that fails makes way at once', async (t) => {
  const { clock, at, ends, begun } = race('a', 'b');
  at(0).failed(new Error('refused'));
  t.equal(begun(), 'ab');
  at(1).succeeded('b');
  t.same(ends, ['won b']);
  t.equal(clock.armed, 0);
});

t.test('an address that has been reached has time for its handshake', async (t) => {
  const { clock, at, begun, ends } = race('a', 'b');
  clock.advance(200);
  at(0).reached();
  clock.advance(1999);
  t.equal(begun(), 'a');
  clock.advance(1);
  t.equal(begun(), 'ab', 'it may be a proxy whose peer is dead');
  at(1).reached();
  at(1).succeeded('b');
  t.same(ends, ['won b']);
  t.equal(at(0).isCancelled, true);
});

t.test('an earlier attempt that is reached or fails does not move the next one', async (t) => {
  const { clock, at, begun } = race('a', 'b', 'c');
  clock.advance(250);
  at(0).reached();
  at(0).failed(new Error('reset'));
  t.equal(begun(), 'ab');
  clock.advance(250);
  t.equal(begun(), 'abc');
});

t.test('when all have failed, all is told once', async (t) => {
  const { clock, at, ends, begun } = race('a', 'b');
  clock.advance(250);
  at(1).failed(new Error('second'));
  t.same(ends, []);
  at(0).failed(new Error('first'));
  t.equal(begun(), 'ab');
  t.same(ends, ['lost second,first']);
  at(0).failed(new Error('again'));
  at(1).succeeded('late');
  t.equal(ends.length, 1);
  t.equal(clock.armed, 0);
});

t.test('a race that is cancelled ends its attempts, begins none and tells nothing', async (t) => {
  const { clock, at, ends, begun, run } = race('a', 'b', 'c');
  clock.advance(250);
  run.cancel();
  run.cancel();
  at(0).failed(new Error('late'));
  at(1).succeeded('late');
  clock.advance(10_000);
  t.equal(begun(), 'ab');
  t.ok(at(0).isCancelled && at(1).isCancelled);
  t.same(ends, []);
  t.equal(clock.armed, 0);
});
