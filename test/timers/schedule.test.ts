import t from 'tap';
import { planRenewal, rotateAtMs } from '../../src/timers/index.js';

const DAY_MS = 24 * 3600 * 1000;
const NOW = Date.UTC(2030, 0, 1);

t.test('an SVID is renewed at half of the life that was left when it came', async (t) => {
  const window = { receivedAtMs: NOW, notBeforeMs: NOW - 120_000, notAfterMs: NOW + DAY_MS };
  t.equal(rotateAtMs(window, 0.5), NOW + DAY_MS / 2);
});

t.test('a backdated NotBefore does not bring the renewal forward', async (t) => {
  const window = { receivedAtMs: NOW, notBeforeMs: NOW - 3600_000, notAfterMs: NOW + 60_000 };
  t.equal(rotateAtMs(window, 0.5), NOW + 30_000);
});

t.test('row 47: a fleet that starts at once renews evenly over a tenth of the life', async (t) => {
  const window = { receivedAtMs: NOW, notBeforeMs: NOW, notAfterMs: NOW + DAY_MS };
  const times = Array.from({ length: 1000 }, (_, index) => rotateAtMs(window, index / 1000) - NOW);
  t.equal(Math.min(...times), 0.45 * DAY_MS);
  t.ok(Math.max(...times) < 0.55 * DAY_MS && Math.max(...times) > 0.549 * DAY_MS);
  const firstHalf = times.filter((time) => time < DAY_MS / 2).length;
  t.equal(firstHalf, 500);
});

const shares = [
  { renewAt: 0.01, low: 0.009, high: 0.011 },
  { renewAt: 0.25, low: 0.225, high: 0.275 },
  { renewAt: 0.5, low: 0.45, high: 0.55 },
  { renewAt: 0.8, low: 0.78, high: 0.82 },
  { renewAt: 0.99, low: 0.989, high: 0.991 },
] as const;
for (const { renewAt, low, high } of shares) {
  t.test(`at ${renewAt} of its life an SVID is renewed from ${low} to ${high} of it`, async (t) => {
    const window = { receivedAtMs: NOW, notBeforeMs: NOW - 120_000, notAfterMs: NOW + DAY_MS };
    const share = (draw: number): number => (planRenewal(window, draw, { renewAt }).rotateAtMs - NOW) / DAY_MS;
    for (const [draw, want] of [
      [0, low],
      [0.5, renewAt],
      [1, high],
    ] as const) {
      t.ok(Math.abs(share(draw) - want) < 1e-6, `${share(draw)} for a draw of ${draw}`);
    }
  });
}

t.test('however short the life, rotations are at least a second apart', async (t) => {
  for (const lifeMs of [-5000, 0, 1, 500]) {
    const window = { receivedAtMs: NOW, notBeforeMs: NOW - 1000, notAfterMs: NOW + lifeMs };
    t.equal(rotateAtMs(window, 0), NOW + 1000, `life of ${lifeMs} ms`);
  }
});

const HOUR_MS = 3600_000;

const outages = [
  { name: 'one that half of the life survives changes nothing', outage: 10, low: 10.8, high: 13.2, survives: true },
  { name: 'a longer one moves the whole spread forward', outage: 18, low: 4.89, high: 5.99, survives: true },
  { name: 'the longest is nine tenths of the life', outage: 21.55, low: 1.96, high: 2.44, survives: true },
  {
    name: 'one as long as the life is not survived, and asks for no hot loop',
    outage: 24,
    low: 1.96,
    high: 2.4,
    survives: false,
  },
  { name: 'nor is one that is longer', outage: 48, low: 1.96, high: 2.4, survives: false },
] as const;
for (const { name, outage, low, high, survives } of outages) {
  t.test(`an outage to survive: ${name}`, async (t) => {
    const window = { receivedAtMs: NOW, notBeforeMs: NOW - 120_000, notAfterMs: NOW + DAY_MS };
    for (let draw = 0; draw < 1; draw += 0.01) {
      const plan = planRenewal(window, draw, { renewAt: 0.5, surviveOutageMs: outage * HOUR_MS });
      const hours = (plan.rotateAtMs - NOW) / HOUR_MS;
      t.ok(hours >= low && hours <= high, `${hours} h for a draw of ${draw}`);
      t.equal(plan.survivesOutage, survives);
      t.equal(plan.rotateAtMs + outage * HOUR_MS < window.notAfterMs, survives);
    }
  });
}

t.test('an early share survives more than it was asked for, and is left alone', async (t) => {
  const window = { receivedAtMs: NOW, notBeforeMs: NOW, notAfterMs: NOW + DAY_MS };
  const plan = planRenewal(window, 0.5, { renewAt: 0.05, surviveOutageMs: 22 * HOUR_MS });
  t.same(plan, { rotateAtMs: NOW + 0.05 * DAY_MS, survivesOutage: true });
});

t.test('a life of seconds does not survive what the floor between renewals takes', async (t) => {
  const window = { receivedAtMs: NOW, notBeforeMs: NOW, notAfterMs: NOW + 3000 };
  t.same(planRenewal(window, 0, { renewAt: 0.5, surviveOutageMs: 2500 }), {
    rotateAtMs: NOW + 1000,
    survivesOutage: false,
  });
});
