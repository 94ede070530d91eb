import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { startCitadel } from '../../support/citadel.js';
import { CitadelCaller } from '../../support/citadel-caller.js';
import { openHotPath } from '../../support/hot-path.js';
import { TestCa } from '../../support/test-ca.js';

const hotPath = openHotPath();
const [oldRoot, newRoot] = [TestCa.root('old'), TestCa.root('new')].map(({ certificatePem }) => String(certificatePem));

/** A Citadel whose roots the test chooses, and that looks at its calls when the test says so. */
async function setUp(t: Test, limits: { readonly maxHeld?: number; readonly holdMs?: number } = {}) {
  let issuersPem: readonly string[] = ['an intermediate', oldRoot ?? ''];
  let look = (): void => {};
  let elapsedMs = 0;
  let looking = 0;
  const revocations = { lists: { version: 'a'.repeat(32), pem: Buffer.alloc(0) }, keysOf: () => '' };
  const metrics = new MetricRegistry();
  const citadel = await startCitadel(t, hotPath, {
    bundles: {
      authority: { issuersPemAt: () => issuersPem },
      revocations,
      metrics,
      clock: () => elapsedMs,
      every: (_periodMs, act) => {
        looking += 1;
        look = act;
        return () => {
          looking -= 1;
        };
      },
      ...limits,
    },
  });
  const token = await citadel.issuer.token();
  let asked = 0;
  const bundle: CitadelCaller['bundle'] = (...call) => {
    asked += 1;
    return citadel.caller.bundle(...call);
  };
  const proven = metrics.counter(Metric.bundleRequests, { code: 'OK' });
  /** So many calls have been answered, or are held; threads may prove a later one sooner. */
  const untilProven = async (count: number): Promise<void> => {
    while (proven.value < count) await sleep(1);
  };
  /** A call that has not been answered when a later one on the same connection has been. */
  const isHeld = async (call: Promise<unknown>): Promise<boolean> => {
    await untilProven(asked);
    return Promise.race([call.then(() => false), bundle(token).then(() => true)]);
  };
  return {
    ...{
      citadel,
      token,
      metrics,
      isHeld,
      untilProven,
      revocations,
      bundle,
      ask: (version?: string) => bundle(token, version),
    },
    rotate(pem: string) {
      issuersPem = [pem];
    },
    look: () => look(),
    pass(milliseconds: number) {
      elapsedMs += milliseconds;
    },
    lookers: () => looking,
  };
}

t.test('a caller without the newest bundle gets it at once, with its version', async (t) => {
  const { ask } = await setUp(t);
  const first = await ask();
  t.match(first, { code: status.OK, bundle: oldRoot, askAgainSeconds: 0 });
  t.match(await ask('of another CA'), { bundle: oldRoot, version: first.version });
});

t.test('a caller that has the newest is answered when there is another one', async (t) => {
  const { ask, rotate, look, isHeld, lookers } = await setUp(t);
  const { version } = await ask();
  const call = ask(version);
  t.equal(await isHeld(call), true);
  look();
  t.equal(await isHeld(call), true, 'nothing has changed');
  rotate(newRoot ?? '');
  look();
  const changed = await call;
  t.match(changed, { code: status.OK, bundle: newRoot });
  t.not(changed.version, version);
  t.equal(lookers(), 0, 'without a call nothing is looked at');
});

t.test('a call is held for minutes, not for ever', async (t) => {
  const { ask, look, pass, isHeld } = await setUp(t, { holdMs: 1000 });
  const { version } = await ask();
  const call = ask(version);
  t.equal(await isHeld(call), true);
  pass(999);
  look();
  t.equal(await isHeld(call), true);
  pass(1);
  look();
  t.match(await call, { code: status.OK, version, bundle: '', askAgainSeconds: 0 });
});

t.test('where no more calls may be held, callers are told when to ask again', async (t) => {
  const { citadel, token, ask, isHeld, untilProven } = await setUp(t, { maxHeld: 2 });
  const { version } = await ask();
  const held = ask(version);
  t.equal(await isHeld(held), true);
  const another = new CitadelCaller(t, citadel);
  t.match(await ask(version), { bundle: '', askAgainSeconds: 1200 }, 'one connection has its share');
  const second = another.bundle(token, version);
  await untilProven(5);
  t.match(await new CitadelCaller(t, citadel).bundle(token, version), { bundle: '', askAgainSeconds: 1200 });
  await citadel.close();
  t.match(await held, { code: status.UNAVAILABLE }, 'a shutdown ends what is held');
  t.match(await second, { code: status.UNAVAILABLE });
});

t.test('a caller is authenticated as one that wants a certificate', async (t) => {
  const { citadel, metrics } = await setUp(t);
  const refused = { code: status.UNAUTHENTICATED, details: 'request authenticate failure', bundle: '' };
  t.match(await citadel.caller.bundle('no token'), refused);
  t.match(await citadel.caller.bundle(await citadel.issuer.token('foo', 'sleep', { aud: 'vault' })), refused);
  t.match(citadel.logger.of('trust bundle refused'), [{ fields: { code: /^ERR_TOKEN_/ } }]);
  t.notMatch(JSON.stringify(metrics), /"OK"/);
});

t.test('a request that is no message is refused', async (t) => {
  const { citadel, token } = await setUp(t);
  t.match(await citadel.caller.bundle(token, 'x'.repeat(100_000)), { code: status.RESOURCE_EXHAUSTED });
});

t.test(
  'a caller that takes revocation lists is answered when there are others; one that takes none never is',
  async (t) => {
    const { bundle, token, revocations, look, isHeld, ask } = await setUp(t);
    const taking = (version: string, knownListsVersion: string) =>
      bundle(token, version, [], { takesRevocationLists: true, knownListsVersion });
    const first = await taking('', '');
    t.match(first, { bundle: oldRoot, listsVersion: 'a'.repeat(32), lists: '' });
    const [call, other] = [taking(first.version, first.listsVersion), ask(first.version)];
    t.equal(await isHeld(call), true);
    revocations.lists = { version: 'b'.repeat(32), pem: Buffer.from('lists') };
    look();
    t.match(await call, { version: first.version, bundle: '', listsVersion: 'b'.repeat(32), lists: 'lists' });
    t.equal(await isHeld(other), true, 'an older agent');
    const last = taking(first.version, 'b'.repeat(32));
    t.equal(await isHeld(last), true);
    revocations.lists = { version: 'c'.repeat(32), pem: Buffer.alloc(0) };
    look();
    t.match(await last, { bundle: '', listsVersion: 'c'.repeat(32), lists: '' }, 'none any more');
    t.match(await ask('other'), { listsVersion: '', lists: '' });
  },
);
