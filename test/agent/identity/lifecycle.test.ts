import t from 'tap';
import {
  advance,
  INITIAL_LIFECYCLE,
  type Lifecycle,
  type LifecycleEvent,
} from '../../../src/agent/identity/lifecycle.js';

const NOW = 1_000_000;

function after(...events: readonly LifecycleEvent[]): Lifecycle {
  return events.reduce(advance, INITIAL_LIFECYCLE);
}

const begun = { kind: 'begun' } as const;
const issued = { kind: 'issued', notAfterMs: NOW + 3600_000, rotateAtMs: NOW + 1800_000 } as const;
const changed = (nowMs: number) => ({ kind: 'changed', nowMs }) as const;
const failed = (failure: 'away' | 'overloaded' | 'refused', nowMs = NOW) =>
  ({ kind: 'failed', nowMs, draw: 1, failure }) as const;
/** 30 s behind the last of them. */
const refusedOften = Array.from({ length: 6 }, () => [begun, failed('refused')] as const).flat();

const cases = [
  { name: 'before the start nothing is due', events: [], until: undefined },
  { name: 'a CSR in flight has no time', events: [begun], until: undefined },
  { name: 'an SVID waits for its renewal', events: [begun, issued], until: NOW + 1800_000 },
  { name: 'a refusal waits', events: refusedOften, until: NOW + 30_000 },
  {
    name: 'a change behind a refusal is acted on at once',
    events: [...refusedOften, changed(NOW + 5)],
    until: NOW + 5,
  },
  {
    name: 'a change does not put a try off that is due sooner',
    events: [...refusedOften, changed(NOW + 31_000)],
    until: NOW + 30_000,
  },
  {
    name: 'a change while the CSR is in flight counts behind its refusal',
    events: [...refusedOften, begun, changed(NOW + 1), failed('refused', NOW + 2)],
    until: NOW + 2,
  },
  {
    name: 'a change while the CSR is in flight does not count when the CA was away',
    events: [begun, failed('away'), begun, changed(NOW + 1), failed('away', NOW + 2)],
    until: NOW + 202,
  },
  {
    name: 'a CA that is away is not asked sooner for a change',
    events: [begun, failed('away'), changed(NOW)],
    until: NOW + 100,
  },
  { name: 'nor one that is overloaded', events: [begun, failed('overloaded'), changed(NOW)], until: NOW + 100 },
  { name: 'nor is a good SVID renewed', events: [begun, issued, changed(NOW)], until: NOW + 1800_000 },
  {
    name: 'changes in a row are acted on each ten seconds',
    events: [...refusedOften, changed(NOW), begun, failed('refused', NOW + 1), changed(NOW + 2)],
    until: NOW + 10_000,
  },
  {
    name: 'those while the CSR is in flight, too',
    events: [...refusedOften, changed(NOW), begun, changed(NOW + 1), failed('refused', NOW + 2)],
    until: NOW + 10_000,
  },
  {
    name: 'a clock that was set back since the last change silences none',
    events: [...refusedOften, changed(NOW), begun, failed('refused', NOW - 500_000), changed(NOW - 499_000)],
    until: NOW - 499_000,
  },
  {
    name: 'an SVID makes the next change one that is acted on at once',
    events: [...refusedOften, changed(NOW), begun, issued, ...refusedOften, changed(NOW + 3)],
    until: NOW + 3,
  },
] as const;

for (const { name, events, until } of cases) {
  t.test(name, async (t) => {
    const { activity } = after(...events);
    t.equal('untilMs' in activity ? activity.untilMs : undefined, until);
  });
}

t.test('what the CA asks for and how many ask reach the schedule', async (t) => {
  const { activity } = after(begun, { ...failed('refused'), notSoonerMs: 5000 });
  t.match(activity, { untilMs: NOW + 6000 });
  const crowded = Array.from({ length: 20 }, () => [begun, { ...failed('refused'), crowd: 8192 }] as const).flat();
  t.match(after(...crowded).activity, { untilMs: NOW + 300_000 });
});

t.test('a failure leaves what is held alone', async (t) => {
  t.match(after(begun, issued, begun, failed('refused')), { notAfterMs: issued.notAfterMs, failures: 1 });
});
