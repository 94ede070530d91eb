import t from 'tap';
import { Keepalive } from '../../../src/net/grpc/client/keepalive.js';

/** Timers that go off by hand, a ping that is answered by hand. */
function surroundings() {
  const armed = new Map<() => void, number>();
  const pongs: (() => void)[] = [];
  let deaths = 0;
  const keepalive = new Keepalive({
    ping: (onPong) => pongs.push(onPong),
    onDead: () => {
      deaths += 1;
    },
    after(delayMs, fire) {
      armed.set(fire, delayMs);
      return () => void armed.delete(fire);
    },
  });
  const fire = (): void => {
    for (const one of [...armed.keys()]) {
      armed.delete(one);
      one();
    }
  };
  return { keepalive, pongs, fire, delays: () => [...armed.values()], deaths: () => deaths };
}

t.test('without a call there is neither ping nor timer', async (t) => {
  const { keepalive, pongs, delays } = surroundings();
  t.same(delays(), []);
  keepalive.begin();
  keepalive.begin();
  keepalive.end();
  t.same(delays(), [30_000], 'one for all calls');
  keepalive.end();
  t.same(delays(), []);
  t.equal(pongs.length, 0);
});

t.test('while a call is under way there is a ping each 30 s, as long as each is answered', async (t) => {
  const { keepalive, pongs, fire, delays, deaths } = surroundings();
  keepalive.begin();
  for (const count of [1, 2]) {
    fire();
    t.equal(pongs.length, count);
    t.same(delays(), [10_000]);
    pongs.at(-1)?.();
    t.same(delays(), [30_000]);
  }
  t.equal(deaths(), 0);
});

t.test('a ping without an answer is a dead peer', async (t) => {
  const { keepalive, fire, deaths } = surroundings();
  keepalive.begin();
  fire();
  fire();
  t.equal(deaths(), 1);
});

t.test('an answer that comes when the calls have ended begins nothing', async (t) => {
  const { keepalive, pongs, fire, delays } = surroundings();
  keepalive.begin();
  fire();
  keepalive.end();
  t.same(delays(), []);
  pongs[0]?.();
  t.same(delays(), []);
});
