import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  type IdentityStatus,
  type MigrationStep,
  SecretContent,
  type SvidChange,
} from '../../../src/agent/identity/index.js';
import { MigratingIdentity, type OriginIdentity } from '../../../src/agent/secrets/migrating-identity.js';
import { encodeValidationContext, trustedCaOf } from '../../../src/agent/secrets/secret-codec.js';
import { SpiffeId, TrustBundle } from '../../../src/pki/spiffe/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { SLEEP } from '../../support/mounted-identity.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;

/** A source whose certificate, roots and failures are what the test says. */
class FakeOrigin implements OriginIdentity {
  private held: { certificate: SecretContent; bundle: SecretContent; endMs: number } | undefined;
  private failures = 0;
  private readonly changed = new Set<(change: SvidChange) => void>();
  private readonly failed = new Set<() => void>();

  constructor(private readonly now: () => number) {}

  take(text: string, endMs: number, ...roots: readonly TestCa[]): SecretContent {
    const certificate = new SecretContent('certificate', Buffer.from(text));
    const body = encodeValidationContext(Buffer.concat(roots.map(({ certificatePem }) => certificatePem)));
    this.held = { certificate, bundle: new SecretContent('validation-context', body), endMs };
    for (const listener of this.changed) listener({ certificate: true, bundle: true });
    return certificate;
  }

  fail(): void {
    this.failures += 1;
    for (const listener of this.failed) listener();
  }

  certificate(): SecretContent | undefined {
    return this.held !== undefined && this.now() < this.held.endMs ? this.held.certificate : undefined;
  }

  bundle(): SecretContent | undefined {
    return this.held?.bundle;
  }

  onChange(listener: (change: SvidChange) => void): () => void {
    this.changed.add(listener);
    return () => void this.changed.delete(listener);
  }

  onRenewalFailure(listener: () => void): () => void {
    this.failed.add(listener);
    return () => void this.failed.delete(listener);
  }

  status(): Omit<IdentityStatus, 'spiffeId'> {
    const svid = this.held === undefined ? 'none' : this.certificate() === undefined ? 'expired' : 'valid';
    return {
      ...{ svid, serial: this.held?.certificate.body.toString(), notAfterMs: this.held?.endMs },
      ...{ notBeforeMs: undefined, nextAttemptMs: undefined, outageToleranceMs: undefined, survivesOutage: undefined },
      ...{ failures: this.failures, lastFailure: undefined, held: undefined, token: undefined },
    };
  }
}

function setUp(t: Test, step: MigrationStep, prepare: (origins: { files: FakeOrigin; ca: FakeOrigin }) => void) {
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const { now } = clock;
  const [files, ca] = [new FakeOrigin(now), new FakeOrigin(now)];
  prepare({ files, ca });
  const delivered: { bundle: SecretContent; timeoutMs: number; done: () => void }[] = [];
  const delivery = {
    delivered: (bundle: SecretContent, { timeoutMs }: { timeoutMs: number }): Promise<void> =>
      new Promise((done) => void delivered.push({ bundle, timeoutMs, done })),
  };
  const [metrics, logger] = [new MetricRegistry(), new RecordingLogger()];
  const spiffeId = SpiffeId.parse(SLEEP);
  const options = { spiffeId, step, files, ca, delivery, timers, now, metrics, logger };
  const identity = new MigratingIdentity(options);
  t.teardown(() => {
    identity.close();
    timers.close();
  });
  const changes: SvidChange[] = [];
  identity.onChange((change) => changes.push(change));
  return {
    ...{ clock, files, ca, delivered, metrics, logger, identity, changes },
    endMs: now() + HOUR_MS,
    /** The streams have acknowledged the last bundle. */
    async acknowledge(): Promise<void> {
      delivered.at(-1)?.done();
      await turn();
    },
    roots: (): string[] =>
      TrustBundle.parsePem(trustedCaOf(identity.bundle()?.body ?? Buffer.alloc(0)))
        .list()
        .map(({ subject }) => subject),
  };
}

const [OLD, NEW] = [TestCa.root('old root'), TestCa.root('new root')];

t.test('the bundle with both roots comes first, and the leaf of the CA when the streams have it', async (t) => {
  const end = Date.now() + HOUR_MS;
  let mounted: SecretContent | undefined;
  const { identity, ca, changes, delivered, acknowledge, roots, metrics, logger } = setUp(t, 'ca', ({ files, ca }) => {
    mounted = files.take('mounted', end, OLD);
    ca.fail();
  });
  t.equal(identity.certificate(), mounted, 'the CA is away: the files are served');
  t.strictSame(roots(), ['O=old root']);
  await acknowledge();

  const issued = ca.take('issued', end, NEW);
  t.strictSame(changes, [{ certificate: false, bundle: true }]);
  t.equal(identity.certificate(), mounted, 'not before the streams have its root');
  t.strictSame(roots(), ['O=new root', 'O=old root']);
  t.match(identity.migration(), {
    ...{ served: 'files', reason: 'streams have not acknowledged the trust bundle', areCaRootsMounted: false },
    ...{ roots: { served: 2, files: 1, ca: 1 }, sources: { files: { svid: 'valid' }, ca: { svid: 'valid' } } },
  });
  t.equal(delivered.at(-1)?.timeoutMs, 5000);
  await acknowledge();
  t.equal(identity.certificate(), issued);
  t.strictSame(changes.at(-1), { certificate: true, bundle: false });
  t.match(identity.status(), { spiffeId: SLEEP, svid: 'valid', serial: 'issued' });
  t.match(identity.migration(), { step: 'ca', served: 'ca', reason: 'migration step' });
  t.equal(metrics.gauge(Metric.identitySource, { source: 'ca' }).value, 1);
  t.equal(metrics.gauge(Metric.identitySource, { source: 'files' }).value, 0);
  t.match(logger.of('peers with the mounted roots alone do not trust the certificate of the ca'), [{ level: 'warn' }]);
});

t.test('at the step of the files they stay, with the roots of the CA beside theirs', async (t) => {
  const end = Date.now() + HOUR_MS;
  const { identity, ca, files, changes, acknowledge, roots, logger } = setUp(t, 'files', ({ files }) => {
    files.take('mounted', end, OLD);
  });
  t.equal(identity.bundle(), undefined, 'an Envoy that has both roots does not lose one of them by a restart');
  t.equal(identity.certificate(), undefined);
  t.equal(identity.migration().reason, 'first answer of the ca is awaited');
  ca.take('issued', end, NEW);
  t.strictSame(changes, [{ certificate: true, bundle: true }]);
  await acknowledge();
  t.match(identity.migration(), { step: 'files', served: 'files', reason: 'migration step' });
  t.equal(identity.certificate(), files.certificate());
  t.strictSame(roots(), ['O=new root', 'O=old root']);
  ca.take('renewed', end, NEW);
  t.equal(changes.length, 1, 'a renewal that is not served pushes nothing');
  t.strictSame(logger.of('peers with the mounted roots alone do not trust the certificate of the ca'), []);
});

t.test('a CA that does not answer keeps the mounted certificate back for a short time only', async (t) => {
  const end = Date.now() + HOUR_MS;
  const { identity, files, clock, changes } = setUp(t, 'ca', ({ files }) => {
    files.take('mounted', end, OLD);
  });
  clock.advance(1999);
  await turn();
  t.equal(identity.certificate(), undefined);
  clock.advance(1);
  await turn();
  t.equal(identity.certificate(), files.certificate());
  t.strictSame(changes, [{ certificate: true, bundle: true }]);
});

t.test('a CA that has answered at the start is served at once, and no bundle is pushed for nothing', async (t) => {
  const end = Date.now() + HOUR_MS;
  const { identity, ca, files, changes } = setUp(t, 'ca', ({ files, ca }) => {
    files.take('mounted', end, OLD, NEW);
    ca.take('issued', end, NEW);
  });
  t.equal(identity.certificate(), ca.certificate());
  t.equal(identity.bundle(), files.bundle(), 'the mounted roots have all: the same bundle');
  t.equal(identity.migration().areCaRootsMounted, true);
  t.strictSame(changes, []);
});

t.test('mounted files that expire change nothing, and their roots stay', async (t) => {
  const { identity, ca, clock, changes, acknowledge, roots } = setUp(t, 'ca', ({ files, ca }) => {
    files.take('mounted', Date.now() + 60_000, OLD);
    ca.take('issued', Date.now() + HOUR_MS, NEW);
  });
  await acknowledge();
  clock.advance(120_000);
  t.equal(identity.certificate(), ca.certificate());
  t.strictSame(roots(), ['O=new root', 'O=old root']);
  t.strictSame(changes, []);
});

t.test('without mounted files only the roots of the CA are served', async (t) => {
  const { identity, ca, acknowledge } = setUp(t, 'files', ({ ca }) => {
    ca.take('issued', Date.now() + HOUR_MS, NEW);
  });
  await acknowledge();
  t.equal(identity.certificate(), ca.certificate());
  t.equal(identity.bundle(), ca.bundle());
  t.match(identity.migration(), { served: 'ca', reason: 'source of the step has no valid certificate' });
});

t.test(
  'a CA that stays away hands over to the files before its last certificate expires, and takes over again',
  async (t) => {
    const end = Date.now() + HOUR_MS;
    const { identity, ca, files, clock, changes, acknowledge } = setUp(t, 'ca', ({ files, ca }) => {
      files.take('mounted', end, OLD);
      ca.take('issued', Date.now() + 60_000, NEW);
    });
    await acknowledge();
    clock.advance(49_000);
    t.equal(identity.certificate(), ca.certificate());
    clock.advance(2000);
    t.equal(identity.certificate(), files.certificate());
    t.strictSame(changes, [{ certificate: true, bundle: false }]);
    t.equal(identity.migration().reason, 'certificate of the step is about to expire');
    ca.take('back', end, NEW);
    t.equal(identity.certificate(), ca.certificate());
  },
);

t.test('nothing is told once it is closed', async (t) => {
  const { identity, ca, files, changes, acknowledge } = setUp(t, 'ca', ({ files, ca }) => {
    files.take('mounted', Date.now() + HOUR_MS, OLD);
    ca.fail();
  });
  ca.take('issued', Date.now() + HOUR_MS, NEW);
  identity.close();
  identity.close();
  const told = changes.length;
  await acknowledge();
  ca.take('renewed', Date.now() + HOUR_MS, NEW);
  t.equal(changes.length, told);
  t.equal(identity.certificate(), files.certificate());
});

t.test('each step is taken while the agent runs, and taken back, always the roots before the leaf', async (t) => {
  const end = Date.now() + HOUR_MS;
  const { identity, ca, files, clock, changes, acknowledge, roots } = setUp(t, 'files', ({ files, ca }) => {
    files.take('mounted', end, OLD);
    ca.take('issued', end, NEW);
  });
  await acknowledge();
  const sinceMs = identity.migration().stepSinceMs;
  clock.advance(1000);
  const goTo = (step: MigrationStep) => {
    changes.length = 0;
    identity.goTo(step);
    return { served: identity.migration().served, roots: roots(), changes: [...changes] };
  };
  const both = ['O=new root', 'O=old root'];
  t.strictSame(goTo('ca'), { served: 'ca', roots: both, changes: [{ certificate: true, bundle: false }] });
  t.equal(identity.migration().stepSinceMs, sinceMs + 1000);
  t.strictSame(goTo('ca-only'), {
    ...{ served: 'ca', roots: ['O=new root'], changes: [{ certificate: false, bundle: true }] },
  });
  const { roots: counts, rootFingerprints } = identity.migration();
  t.strictSame(counts, { served: 1, files: 1, ca: 1 }, 'what the files say is known for the way back');
  t.strictSame(rootFingerprints.served, rootFingerprints.ca);
  t.notSame(rootFingerprints.files, rootFingerprints.ca);
  await acknowledge();
  t.strictSame(goTo('ca'), { served: 'ca', roots: both, changes: [{ certificate: false, bundle: true }] });
  await acknowledge();
  t.strictSame(goTo('files'), { served: 'files', roots: both, changes: [{ certificate: true, bundle: false }] });
  t.strictSame(goTo('files').changes, [], 'a step that is taken already changes nothing');

  t.match(goTo('ca-only'), { served: 'files', roots: ['O=new root'] }, 'the leaf waits for the streams');
  await acknowledge();
  t.equal(identity.certificate(), ca.certificate());
  t.match(goTo('files'), { served: 'ca', roots: both });
  await acknowledge();
  t.equal(identity.certificate(), files.certificate());
});

t.test('at the last step a certificate of the files, which peers refuse, is never served', async (t) => {
  const { identity, clock } = setUp(t, 'ca-only', ({ files, ca }) => {
    files.take('mounted', Date.now() + HOUR_MS, OLD);
    ca.take('issued', Date.now() + 60_000, NEW);
  });
  t.equal(identity.migration().served, 'ca');
  clock.advance(61_000);
  t.equal(identity.certificate(), undefined);
  t.equal(identity.migration().reason, 'no valid certificate');
});

t.test('at the last step nothing is served before the CA has answered', async (t) => {
  const { identity, ca, clock, roots } = setUp(t, 'ca-only', ({ files }) => {
    files.take('mounted', Date.now() + HOUR_MS, OLD);
  });
  clock.advance(2000);
  await turn();
  t.equal(identity.certificate(), undefined);
  t.equal(identity.bundle(), undefined);
  ca.take('issued', Date.now() + HOUR_MS, NEW);
  t.strictSame(roots(), ['O=new root']);
  t.equal(identity.certificate(), ca.certificate());
});
