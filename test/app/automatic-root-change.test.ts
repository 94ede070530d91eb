import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { AutomaticRootChange } from '../../src/app/citadel/automatic-root-change.js';
import { directoryBoard } from '../../src/app/citadel/report-board.js';
import { readRoot, stepRoot } from '../../src/app/citadel/root-change.js';
import type { Named } from '../../src/app/citadel/root-judgement.js';
import { directoryPlace, type RootPlace } from '../../src/app/citadel/root-place.js';
import { LiveAuthority } from '../../src/citadel/authority/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { TrustDomain } from '../../src/pki/spiffe/index.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { Metric, MetricRegistry } from '../../src/telemetry/index.js';
import { authorityDirectory } from '../support/authority-files.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const trustDomain = TrustDomain.parse('cluster.local');
const NONE: Named = { count: 0, names: [] };
const DEAF: Named = { count: 1, names: ['spiffe://cluster.local/ns/foo/sa/deaf'] };

/** A Citadel with a root that has 60 days left of 90, and a clock that the test moves. */
async function citadel(
  t: Test,
  { directory = rootDirectory(t), lead = (61 * DAY_MS) as number | 'off', broken = (place: RootPlace) => place } = {},
) {
  const clock = { nowMs: Date.now(), monotonicMs: 0 };
  const now = () => clock.nowMs;
  const pass = (ms: number) => {
    clock.nowMs += ms;
    clock.monotonicMs += ms;
  };
  const logger = new RecordingLogger();
  const live = await LiveAuthority.open({ directory, trustDomain, logger, now });
  t.teardown(() => live.close());
  const fleet = { withOtherRoots: NONE, withOtherIssuer: NONE };
  const place: RootPlace = {
    ...directoryPlace(directory, []),
    async witnesses() {
      const { signer, bundle } = live.current;
      const told = { name: 'this Citadel', signer: signer.material.id, roots: bundle.fingerprints() };
      return { citadels: [{ ...told, longestTtlMs: DAY_MS, forgotten: 0, knownSinceMs: 0, ...fleet }], ended: [] };
    },
  };
  const metrics = new MetricRegistry();
  const change = new AutomaticRootChange({
    ...{ live, place: broken(place), foreign: () => undefined, trustDomain, serverNames: ['localhost'] },
    ...{ lead, settleMs: HOUR_MS, longestTtlMs: () => DAY_MS, logger, metrics, now },
    ...{ monotonic: () => clock.monotonicMs, every: () => () => {} },
  });
  t.teardown(() => change.close());
  await change.look();
  const step = async () => (await readRoot(place, now())).state.record;
  return { directory, clock, pass, logger, live, fleet, place, change, step, metrics };
}

function rootDirectory(t: Test): string {
  const root = makeSelfSignedRoot({
    ...{ keyType: 'ec-p256', organization: 'cluster.local' },
    ...{ notBeforeMs: Date.now() - 30 * DAY_MS, notAfterMs: Date.now() + 60 * DAY_MS },
  });
  const certificatePem = root.certificatePem;
  const files = { 'ca-cert.pem': certificatePem, 'root-cert.pem': certificatePem, 'cert-chain.pem': '' };
  const part = { certificate: Buffer.alloc(0), certificatePem, privateKeyPem: root.privateKeyPem };
  return authorityDirectory(t, { signer: part, roots: [part] } as Parameters<typeof authorityDirectory>[1], files);
}

t.test('a root is staged, activated and retired in its time, with no command', async (t) => {
  const { change, pass, step, live, logger } = await citadel(t);
  t.match(await step(), { step: 'staged', history: [{ action: 'stage', isAutomatic: true, isForced: false }] });
  t.equal(live.current.bundle.size, 2, 'both are trusted at once');
  const old = live.current.signer.material.id;
  await change.look();
  t.match(change.state, { state: 'settling', untilMs: Number });
  pass(HOUR_MS);
  await change.look();
  t.match(await step(), { step: 'active' });
  t.not(live.current.signer.material.id, old);
  await change.look();
  t.match(await step(), { step: 'active' }, 'settles again');
  pass(HOUR_MS);
  await change.look();
  t.match(await step(), {
    step: 'steady',
    history: [{}, {}, { action: 'retire', isAutomatic: true, isForced: false }],
  });
  t.equal(live.current.bundle.size, 1);
  pass(DAY_MS);
  await change.look();
  t.match(change.state, { state: 'waiting' }, 'the next one has its whole life');
  t.equal(logger.lines.filter(({ level }) => level === 'error').length, 0);
});

t.test('a deaf one holds up each step, and is named in log, status and metrics', async (t) => {
  const { change, pass, step, fleet, logger, metrics } = await citadel(t);
  pass(HOUR_MS);
  fleet.withOtherRoots = DEAF;
  await change.look();
  t.match(await step(), { step: 'staged' });
  t.match(change.state, {
    state: 'held-up',
    reason: /activate: 1 workloads of this Citadel do not have both roots yet: spiffe:.*\/sa\/deaf$/,
  });
  t.ok(
    logger.lines.some(
      ({ message, fields }) =>
        message === 'the change of the root is held up' && /sa\/deaf/.test(String(fields?.reason)),
    ),
  );
  t.equal(metrics.gauge(Metric.rootChangeState, { state: 'held-up' }).value, 1);
  t.equal(metrics.gauge(Metric.rootChangeState, { state: 'settling' }).value, 0);
  fleet.withOtherRoots = NONE;
  await change.look();
  t.match(await step(), { step: 'active' });
  fleet.withOtherIssuer = DEAF;
  pass(365 * DAY_MS);
  await change.look();
  t.match(await step(), { step: 'active' }, 'an old root is never dropped by force, not even when it has expired');
  t.match(change.state, {
    state: 'held-up',
    reason: /retire: 1 workloads .* have a certificate that would be refused: .*deaf/,
  });
});

t.test('in the last days the next root signs all the same, and the history says that it was forced', async (t) => {
  const { change, pass, step, fleet, logger } = await citadel(t);
  fleet.withOtherRoots = DEAF;
  pass(52 * DAY_MS);
  await change.look();
  t.match(await step(), { step: 'staged' });
  pass(2 * DAY_MS);
  await change.look();
  t.match(await step(), { step: 'active', history: [{}, { action: 'activate', isForced: true, isAutomatic: true }] });
  t.ok(logger.lines.some(({ level, fields }) => level === 'error' && /sa\/deaf/.test(String(fields?.error))));
});

t.test('a clock that jumps for a moment forces nothing', async (t) => {
  const { change, clock, step, fleet } = await citadel(t);
  fleet.withOtherRoots = DEAF;
  clock.nowMs += 59 * DAY_MS;
  await change.look();
  t.match(await step(), { step: 'staged' });
  t.match(change.state, { state: 'held-up' });
});

t.test('a root that was made while the clock was ahead never signs before it is valid', async (t) => {
  const { change, pass, clock, step, live } = await citadel(t, { lead: 10 * DAY_MS });
  const old = live.current.signer.material.id;
  clock.nowMs += 55 * DAY_MS;
  await change.look();
  t.match(await step(), { step: 'staged' });
  clock.nowMs -= 55 * DAY_MS;
  await change.look();
  pass(2 * HOUR_MS);
  await change.look();
  t.match(await step(), { step: 'staged' });
  t.match(change.state, { state: 'failing', reason: /not yet valid/ });
  t.equal(live.current.signer.material.id, old);
  t.ok(live.current.notAfterMs > clock.nowMs);
});

t.test('abort by hand stops it until a change by hand is finished', async (t) => {
  const { change, pass, step, place, clock } = await citadel(t);
  const config = { trustDomain, serverNames: [], isForced: true, longestTtlMs: undefined };
  await stepRoot(place, config, 'abort', clock.nowMs);
  pass(DAY_MS);
  await change.look();
  t.match(await step(), { step: 'steady' });
  t.match(change.state, { state: 'by-hand', reason: /aborted by hand/ });
});

t.test('an abort between the look and the write of a step wins', async (t) => {
  let before: () => Promise<unknown> = async () => {};
  const { change, pass, step, place, clock } = await citadel(t, {
    broken: (place) => ({
      ...place,
      async change(act, check) {
        await before();
        return place.change(act, check);
      },
    }),
  });
  pass(HOUR_MS);
  const config = { trustDomain, serverNames: [], isForced: true, longestTtlMs: undefined };
  before = () => stepRoot(place, config, 'abort', clock.nowMs);
  await change.look();
  t.match(await step(), { step: 'steady', history: [{ action: 'stage' }, { action: 'abort' }] });
});

t.test(
  'of several Citadels of one directory one takes each step, and each restart goes on where it stands',
  async (t) => {
    const directory = rootDirectory(t);
    const all = [await citadel(t, { directory }), await citadel(t, { directory })];
    const [first] = all;
    for (const _ of ['activate', 'retire']) {
      for (const { pass, live } of all) {
        pass(HOUR_MS);
        await live.reload();
      }
      await Promise.all(all.map(({ change }) => change.look()));
    }
    // A directory that is locked is another one's at this moment.
    for (const { change, live } of all) {
      await live.reload();
      await change.look();
    }
    const { history, step } = (await first?.step()) ?? { history: [], step: '' };
    t.equal(step, 'steady');
    t.same(
      history.map(({ action }) => action),
      ['stage', 'activate', 'retire'],
    );
    for (const { change } of all) await change.close();
    const next = await citadel(t, { directory });
    t.match(next.change.state, { state: 'waiting' });
  },
);

t.test('one that is killed at any step leaves it to the next', async (t) => {
  const directory = rootDirectory(t);
  const steps: string[] = [];
  let ms = 0;
  for (const _ of ['stage', 'activate', 'retire']) {
    const { change, pass, step } = await citadel(t, { directory });
    pass(ms);
    await change.look();
    steps.push((await step()).step);
    await change.close();
    ms += 2 * HOUR_MS;
  }
  t.same(steps, ['staged', 'active', 'steady']);
});

t.test('a store that is away stops the change, and nothing else', async (t) => {
  let isAway = false;
  const { change, pass, step, live, metrics } = await citadel(t, {
    broken: (place) => ({
      ...place,
      async read() {
        if (isAway) throw new IdentityError('ERR_KUBERNETES_UNAVAILABLE', 'connection refused');
        return place.read();
      },
    }),
  });
  isAway = true;
  pass(HOUR_MS);
  await change.look();
  t.match(change.state, { state: 'failing', reason: 'connection refused' });
  t.equal(metrics.gauge(Metric.rootChangeState, { state: 'failing' }).value, 1);
  t.ok(live.current.notAfterMs > 0);
  isAway = false;
  await change.look();
  t.match(await step(), { step: 'active' });
});

t.test('off: a warning in time, and nothing is changed', async (t) => {
  const { change, pass, step } = await citadel(t, { lead: 'off' });
  t.match(change.state, { state: 'waiting' });
  pass(52 * DAY_MS);
  await change.look();
  t.match(change.state, { state: 'by-hand', reason: '--root-change-before is off' });
  t.match(await step(), { step: 'steady', history: [] });
});

t.test('a board in a directory has what Citadels tell, and nothing else', async (t) => {
  const directory = shortDir(t);
  const board = directoryBoard(directory);
  t.same(await board.read(), {});
  t.equal(await board.change({ 'a.00000001': 'x' }), undefined, 'it is not there yet');
  t.same(await board.make({ 'known-since': 'y', 'a.00000001': 'x' }), { 'known-since': 'y', 'a.00000001': 'x' });
  t.same(await board.change({ 'a.00000001': null, 'b.00000002': 'z' }), { 'known-since': 'y', 'b.00000002': 'z' });
  t.same(readdirSync(join(directory, '.citadels')).sort(), ['b.00000002', 'known-since']);
  t.equal(readFileSync(join(directory, '.citadels/b.00000002'), 'utf8'), 'z');
  rmSync(join(directory, '.citadels'), { recursive: true });
  t.same(await board.read(), {});
});
