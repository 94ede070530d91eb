import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PodSockets } from '../../../src/agent/pod-sockets/index.js';
import type { PodHold } from '../../../src/agent/pod-sockets/pod-socket.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { MetricRegistry, RateLimitedLogger } from '../../../src/telemetry/index.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const PODS = 30;

const tokens = new TokenIssuer();

/** Pods whose tokens are accepted at once, with counts of what is done for them; looks are called by the test. */
async function openPods(t: Test) {
  const directory = shortDir(t);
  for (let pod = 0; pod < PODS; pod++) {
    const uid = `pod-${pod}`;
    mkdirSync(join(directory, uid), { mode: 0o755 });
    const bound = { namespace: 'foo', serviceaccount: { name: 'sleep' }, pod: { uid } };
    writeFileSync(join(directory, uid, 'token'), await tokens.token('foo', 'sleep', { 'kubernetes.io': bound }));
  }
  const counts = { listening: 0, looks: 0, dismissed: 0, ended: 0 };
  const hold: PodHold = {
    identity: {} as PodHold['identity'],
    again: () => hold,
    release: () => {},
    dismiss: () => {
      counts.dismissed += 1;
    },
    onTokenNeeded: () => () => {},
  };
  const looks = new Set<() => Promise<void>>();
  const logger = new RecordingLogger();
  const sockets = new PodSockets({
    ...{ directory, maxPods: PODS, now: Date.now, log: new RateLimitedLogger(logger), metrics: new MetricRegistry() },
    watch: {
      add(look) {
        looks.add(look);
        return () => looks.delete(look);
      },
    },
    admit: async () => hold,
    async listen() {
      counts.listening += 1;
      const once = { isOpen: true };
      return {
        look: () => {
          counts.looks += 1;
        },
        async close() {
          if (once.isOpen) counts.listening -= 1;
          once.isOpen = false;
        },
      };
    },
  });
  t.teardown(() => sockets.close());
  await sockets.start();
  await logger.until('pod socket serves', PODS);
  const [scan, ...ofPods] = [...looks];
  return { directory, sockets, logger, counts, looks, scan, ofPods };
}

t.test('a shutdown begins with the end of all sockets, and from then on no directory is looked at', async (t) => {
  const { directory, sockets, counts, looks, scan, ofPods } = await openPods(t);
  const stream = await sockets.open('pod-0', new CancelSource());
  stream.onTokenNeeded(() => {
    counts.ended += 1;
  });
  t.match(counts, { listening: PODS, looks: 0 });
  await sockets.closeListeners();
  t.equal(looks.size, 0, 'nothing is watched');
  t.match(counts, { listening: 0, ended: 0, dismissed: 0 }, 'streams go on, and keys are kept for them');
  rmSync(directory, { recursive: true });
  // What the watch had begun before.
  for (const look of [scan, ...ofPods]) await look?.();
  t.match(counts, { looks: 0, ended: 0, dismissed: 0 });
  await sockets.close();
  t.match(counts, { listening: 0, ended: 1, dismissed: PODS });
});

t.test(
  'directories that have gone together are no refusals: one look at the one above removes their pods',
  async (t) => {
    const { directory, sockets, logger, counts, scan, ofPods } = await openPods(t);
    for (let pod = 0; pod < PODS; pod++) rmSync(join(directory, `pod-${pod}`), { recursive: true });
    for (const look of ofPods) await look();
    t.match(counts, { listening: 0, dismissed: PODS });
    await scan?.();
    t.strictSame(logger.of('pod directory refused'), []);
    t.equal(logger.of('pod socket closed').length, PODS);
    t.match(sockets.status(), { serving: 0, waiting: 0, refused: [] });
  },
);
