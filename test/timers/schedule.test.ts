import t from 'tap';
import { rotateAtMs } from '../../src/timers/index.js';

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

t.test('a fleet that starts at once renews evenly over a tenth of the life', async (t) => {
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
    const share = (draw: number): number => (rotateAtMs(window, draw, { renewAt }) - NOW) / DAY_MS;
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
