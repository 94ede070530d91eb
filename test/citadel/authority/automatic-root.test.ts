import t from 'tap';
import { automaticVerdict, defaultLeadMs, type RootLife } from '../../../src/citadel/authority/automatic-root.js';
import type { RotationRecord } from '../../../src/citadel/authority/root-rotation.js';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const END_MS = Date.UTC(2036, 0, 1);
const ROOT: RootLife = {
  ...{ notBeforeMs: END_MS - 3650 * DAY_MS, notAfterMs: END_MS, foreign: undefined },
  ...{ leadMs: 90 * DAY_MS, settleMs: DAY_MS },
};
const DUE_MS = END_MS - 90 * DAY_MS;

/** Each step `automatic` or by hand, one hour after the other, the last one at `sinceMs`. */
const record = (step: RotationRecord['step'], actions: readonly string[], sinceMs: number): RotationRecord => ({
  step,
  since: new Date(sinceMs).toISOString(),
  history: actions.map((text) => {
    const [action = '', how] = text.split(' ');
    const common = { time: '2035-01-01T00:00:00Z', from: 'a', to: 'b', isForced: false };
    const told = { ...common, action: action as RotationRecord['history'][number]['action'] };
    return how === 'by-hand' ? told : { ...told, isAutomatic: true };
  }),
});
const NONE: RotationRecord = { step: 'steady', since: undefined, history: [] };
const staged = (sinceMs: number): RotationRecord => record('staged', ['stage'], sinceMs);

const cases = [
  { name: 'before its time nothing is done', nowMs: DUE_MS - 1, want: { kind: 'waiting', untilMs: DUE_MS } },
  { name: 'at its time the next root is staged', nowMs: DUE_MS, want: { kind: 'due', action: 'stage' } },
  { name: 'an expired root is replaced, too', nowMs: END_MS + DAY_MS, want: { kind: 'due', action: 'stage' } },
  {
    name: 'a plugged-in root is for its owner',
    root: { foreign: 'plugged in' },
    want: { kind: 'by-hand', reason: 'plugged in' },
  },
  {
    name: 'of a plugged-in root nothing is told before its time',
    root: { foreign: 'plugged in' },
    nowMs: DUE_MS - 1,
    want: { kind: 'waiting' },
  },
  { name: 'off: a warning in time', root: { leadMs: 'off' }, want: { kind: 'by-hand', reason: /is off/ } },
  {
    name: 'off: a change that is under way is left alone',
    root: { leadMs: 'off' },
    record: staged(DUE_MS - 9 * DAY_MS),
    want: { kind: 'by-hand', reason: /is off/ },
  },
  { name: 'a staged root settles first', record: staged(DUE_MS - DAY_MS + 1), want: { kind: 'settling' } },
  {
    name: 'then it is activated',
    record: staged(DUE_MS - DAY_MS),
    want: { kind: 'due', action: 'activate', isLastCall: false },
  },
  {
    name: 'a clock that was set back holds up no longer than the settling time',
    record: staged(DUE_MS + 365 * DAY_MS),
    seenForMs: DAY_MS,
    want: { kind: 'due', action: 'activate' },
  },
  {
    name: 'the last week is the last call',
    record: staged(DUE_MS),
    nowMs: END_MS - 7 * DAY_MS,
    seenForMs: DAY_MS,
    want: { kind: 'due', action: 'activate', isLastCall: true },
  },
  {
    name: 'before it there is none',
    record: staged(DUE_MS),
    nowMs: END_MS - 7 * DAY_MS - 1,
    seenForMs: DAY_MS,
    want: { kind: 'due', action: 'activate', isLastCall: false },
  },
  {
    name: 'a clock that has jumped ahead is no last call',
    record: staged(DUE_MS),
    nowMs: END_MS,
    seenForMs: DAY_MS - 1,
    want: { kind: 'due', action: 'activate', isLastCall: false },
  },
  {
    name: 'a short lead has a short last call',
    root: { leadMs: DAY_MS, settleMs: HOUR_MS },
    record: staged(END_MS - DAY_MS),
    nowMs: END_MS - 3 * HOUR_MS,
    seenForMs: DAY_MS,
    want: { kind: 'due', isLastCall: false },
  },
  {
    name: 'the old root is retired, and never in a last call',
    record: record('active', ['stage', 'activate'], END_MS - DAY_MS),
    nowMs: END_MS + DAY_MS,
    seenForMs: DAY_MS,
    want: { kind: 'due', action: 'retire', isLastCall: false },
  },
  {
    name: 'a step by hand in between is one step of the same change',
    record: record('active', ['stage', 'activate by-hand'], DUE_MS - DAY_MS),
    want: { kind: 'due', action: 'retire' },
  },
  {
    name: 'what was staged by hand is gone on with by hand',
    record: record('staged', ['stage by-hand'], DUE_MS - 9 * DAY_MS),
    want: { kind: 'by-hand', reason: /begun by hand/ },
  },
  {
    name: 'so it is after one step back',
    record: record('staged', ['stage', 'activate', 'abort by-hand'], DUE_MS - 9 * DAY_MS),
    want: { kind: 'by-hand', reason: /aborted/ },
  },
  {
    name: 'and after two',
    record: record('steady', ['stage', 'abort by-hand'], DUE_MS - 9 * DAY_MS),
    want: { kind: 'by-hand', reason: /aborted/ },
  },
  {
    name: 'until a change by hand is finished',
    record: record('steady', ['stage', 'abort by-hand', 'stage by-hand', 'activate by-hand', 'retire by-hand'], DUE_MS),
    want: { kind: 'due', action: 'stage' },
  },
] as const;
for (const { name, want, ...given } of cases) {
  t.test(name, async (t) => {
    const all = { root: {}, record: NONE, seenForMs: 0, nowMs: DUE_MS, ...given };
    t.match(automaticVerdict({ ...ROOT, ...all.root }, all, all.nowMs), want);
  });
}

t.test('the lead is a tenth of the life, or three lives of a certificate, and half of the life at most', async (t) => {
  t.equal(defaultLeadMs(3650 * DAY_MS, DAY_MS), 365 * DAY_MS);
  t.equal(defaultLeadMs(1000 * DAY_MS, 90 * DAY_MS), 270 * DAY_MS);
  t.equal(defaultLeadMs(100 * DAY_MS, 90 * DAY_MS), 50 * DAY_MS);
});
