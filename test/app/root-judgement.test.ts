import t from 'tap';
import {
  decodeReports,
  encodeReport,
  factsOfReports,
  isOver,
  KNOWN_SINCE,
  type ReplicaReport,
  withoutRepeats,
} from '../../src/app/citadel/replica-report.js';
import { type JudgedAction, rootStepProblems } from '../../src/app/citadel/root-judgement.js';
import { TestCa } from '../support/test-ca.js';

const NOW_MS = Date.now();
const HOUR_MS = 3_600_000;
const NONE = { count: 0, names: [] };
const cert = TestCa.root('old').certificatePem;
const files = new Map(['ca-cert.pem', 'old-cert.pem', 'next-cert.pem'].map((name) => [name, cert]));

const reportOf = (more: Partial<ReplicaReport> = {}): ReplicaReport => ({
  ...{ atMs: NOW_MS, hasEnded: false, longestTtlMs: 24 * HOUR_MS, forgotten: 0 },
  ...{ signer: 'new', roots: ['old', 'new'], withOtherRoots: NONE, leaves: [], ...more },
});
const leaves = (issuer: string, names: string[], untilMs = NOW_MS + HOUR_MS) => ({
  ...{ issuer, names, count: names.length, untilMs },
});

function problems(
  step: JudgedAction,
  reports: Record<string, ReplicaReport>,
  longestTtlMs?: number,
  knownSinceMs = 0,
): string[] {
  const texts = Object.entries(reports).map(([name, report]) => [name, encodeReport(report)]);
  const data = { [KNOWN_SINCE]: new Date(knownSinceMs).toISOString(), ...Object.fromEntries(texts) };
  const record = { step: step === 'retire' ? ('active' as const) : ('staged' as const), since: undefined, history: [] };
  const state = { record, signer: step === 'retire' ? 'new' : 'old', roots: ['old', 'new'] };
  return rootStepProblems(
    { step, files, state, nowMs: NOW_MS, longestTtlMs },
    factsOfReports(decodeReports(data), NOW_MS),
  );
}

t.test('a replica is in the way by the names of its workloads', async (t) => {
  t.same(problems('retire', { a: reportOf({ leaves: [leaves('new', ['x'])] }) }), []);
  t.match(problems('retire', { a: reportOf(), b: reportOf({ leaves: [leaves('old', ['x', 'y'])] }) }), [
    '2 workloads of replica b have a certificate that would be refused: x, y',
  ]);
  t.match(problems('retire', { a: reportOf(), b: reportOf({ signer: 'old' }) }), [
    'replica b does not use these files yet',
  ]);
  const staged = reportOf({ signer: 'old', withOtherRoots: { count: 1, names: ['x'] } });
  t.match(problems('activate', { a: staged }), ['1 workloads of replica a do not have both roots yet: x']);
  t.match(problems('retire', {}), [/^no Citadel tells who would break/]);
  t.match(problems('retire', { a: reportOf({ forgotten: 3 }) }), [
    'replica a had no room for 3 workloads that it issued to',
  ]);
});

t.test('what a replica has told before it ended counts for as long as its certificates are valid', async (t) => {
  const live = reportOf();
  const old = { atMs: NOW_MS - HOUR_MS, signer: 'old', roots: ['old'] };
  const ended = reportOf({ ...old, hasEnded: true, leaves: [leaves('old', ['x'])] });
  t.same(problems('retire', { live, ended }), [
    '1 workloads of replica ended (ended) do not have both roots yet: x',
    '1 workloads of replica ended (ended) have a certificate that would be refused: x',
  ]);
  const expired = { ...ended, leaves: [leaves('old', ['x'], NOW_MS - 1)] };
  t.same(problems('retire', { live, expired }), []);
  const killed = { ...expired, hasEnded: false };
  t.match(problems('retire', { live, killed }), [/^replica killed has not reported since .*: what it may have issued/]);
  t.same(problems('retire', { live, killed }, HOUR_MS - 1), []);
  const upToDate = reportOf({ atMs: old.atMs, leaves: [leaves('new', ['x'])] });
  t.same(problems('retire', { live, upToDate }), [], 'it had read the step');
  t.ok(isOver(expired, NOW_MS));
  t.notOk(isOver(ended, NOW_MS));
  t.notOk(isOver(live, NOW_MS));
});

t.test('the report of a replica that is cut off stays until what it may have issued since has expired', async (t) => {
  for (const told of [[], [leaves('old', ['x'], NOW_MS - 1)]]) {
    const cutOff = { ...reportOf({ signer: 'old', roots: ['old'], leaves: told }), atMs: NOW_MS - HOUR_MS };
    t.notOk(isOver(cutOff, NOW_MS));
    t.match(problems('retire', { live: reportOf(), cutOff }), [/^replica cutOff has not reported since /]);
    t.ok(isOver({ ...cutOff, atMs: NOW_MS - 25 * HOUR_MS }, NOW_MS));
  }
});

t.test('what is not known counts for the longest life that any replica tells of', async (t) => {
  const lowered = reportOf({ longestTtlMs: HOUR_MS / 4 });
  const sinceMs = NOW_MS - HOUR_MS / 2;
  const before = reportOf({ hasEnded: true, atMs: sinceMs, leaves: [leaves('new', ['x'])] });
  t.same(problems('retire', { lowered }, undefined, sinceMs), []);
  t.match(problems('retire', { lowered, before }, undefined, sinceMs), [
    /^replica lowered knows of no certificates that were issued before /,
  ]);
  t.same(problems('retire', { lowered, before }, HOUR_MS / 4, sinceMs), []);
});

t.test('what is no report is left out, and a ConfigMap that was made late says so', async (t) => {
  const garbage = ['', '{', '[]', 'null', '{"atMs":"x"}', JSON.stringify({ ...reportOf(), leaves: [null] })];
  const data = Object.fromEntries(garbage.map((text, at) => [`r${at}`, text]));
  t.same([...decodeReports(data).reports], []);
  t.equal(decodeReports(data).knownSinceMs, Number.POSITIVE_INFINITY);
  const lists = { withOtherRoots: { count: 99, names: Array.from({ length: 99 }, (_, at) => `w${at}`) } };
  const many = Array.from({ length: 30 }, (_, at) => leaves(`i${at}`, lists.withOtherRoots.names, NOW_MS + at));
  const text = encodeReport(reportOf({ ...lists, leaves: many }));
  t.ok(text.length < 4000, 'bounded');
  t.equal(decodeReports({ r: text }).reports.get('r')?.leaves[0]?.count, 99);
});

t.test('what a Citadel has left that was started again and again is one report for each authority', async (t) => {
  const old = NOW_MS - 10 * 60_000;
  const reports = new Map(
    Object.entries({
      'pod-a.own': reportOf(),
      'pod-a.1': reportOf({ atMs: old, leaves: [leaves('new', ['x'])], forgotten: 1 }),
      'pod-a.2': reportOf({ atMs: old + 1, longestTtlMs: HOUR_MS, withOtherRoots: { count: 1, names: ['x'] } }),
      'pod-a.3': reportOf({ atMs: old - 1, leaves: [leaves('new', ['x', 'y'], NOW_MS + 2 * HOUR_MS)] }),
      'pod-a.old': reportOf({ atMs: old, signer: 'old' }),
      'pod-a.runs': reportOf({ atMs: NOW_MS - 30_000 }),
      'pod-ab.1': reportOf({ atMs: old }),
      'pod-ab.2': reportOf({ atMs: old }),
    }),
  );
  const changes = withoutRepeats(reports, { prefix: 'pod-a.', own: 'pod-a.own', nowMs: NOW_MS });
  t.same(Object.fromEntries(changes), {
    ...{ 'pod-a.1': null, 'pod-a.3': null },
    'pod-a.2': reportOf({
      ...{ atMs: old + 1, forgotten: 1, withOtherRoots: { count: 1, names: ['x'] } },
      leaves: [{ ...leaves('new', ['x', 'y'], NOW_MS + 2 * HOUR_MS), count: 3 }],
    }),
  });
  const after = new Map([...reports, ...changes]);
  const rest = new Map([...after].flatMap(([key, report]) => (report === null ? [] : [[key, report] as const])));
  t.equal(withoutRepeats(rest, { prefix: 'pod-a.', own: 'pod-a.own', nowMs: NOW_MS }).size, 0, 'that is all');
  const of = (more: Partial<ReplicaReport>) => reportOf({ atMs: old, ...more });
  const trail = 'disk:1';
  const kinds = [of({}), of({ trail }), of({ trail, bootId: 'b' }), of({ trail: 'disk:2', bootId: 'b' })];
  const apart = new Map(kinds.map((report, at) => [`pod-a.${at}`, report]));
  t.equal(withoutRepeats(apart, { prefix: 'pod-a.', own: '', nowMs: NOW_MS }).size, 0, 'of another trail or boot');
  const ages = new Map([1, 2].map((at) => [`pod-a.${at}`, of({ atMs: old + at, startedAtMs: 10 * at })]));
  const one = withoutRepeats(ages, { prefix: 'pod-a.', own: '', nowMs: NOW_MS });
  t.same(one.get('pod-a.2'), of({ atMs: old + 2, startedAtMs: 10 }), 'since the start of the first');
});
