import { join } from 'node:path';
import t from 'tap';
import { openRevocations } from '../../src/app/citadel/revocations.js';
import { LiveAuthority } from '../../src/citadel/authority/index.js';
import { TrailWriter } from '../../src/citadel/trail/index.js';
import { TrustDomain } from '../../src/pki/spiffe/index.js';
import { MetricRegistry } from '../../src/telemetry/index.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

t.test(
  'keys of the authority that cannot be looked up are told once when that lasts, and again after it was well',
  async (t) => {
    const root = TestCa.root('citadel');
    const logger = new RecordingLogger();
    let isAway = false;
    const store = {
      name: 'a store',
      async read() {
        if (isAway) throw new Error('the store is away');
        const certificate = Buffer.from(root.certificatePem);
        return new Map([
          ...['ca-cert.pem', 'root-cert.pem'].map((name) => [name, Buffer.from(certificate)] as const),
          ...[['ca-key.pem', Buffer.from(root.privateKeyPem)] as const, ['cert-chain.pem', Buffer.alloc(0)] as const],
        ]);
      },
      create: async () => false,
    };
    const live = await LiveAuthority.open({
      trustDomain: TrustDomain.parse('cluster.local'),
      logger,
      now: Date.now,
      store,
    });
    t.teardown(() => live.close());
    const trail = await TrailWriter.open({
      ...{ directory: join(shortDir(t), 'trail'), replica: 'r', version: '0', mode: 'queue', maxWaitMs: 1000 },
      ...{ keepMs: 3_600_000, logger, now: Date.now },
    });
    t.teardown(() => trail.close());
    const surroundings = {
      live,
      trail,
      intermediate: undefined,
      leafLifeMs: () => 1000,
      metrics: new MetricRegistry(),
    };
    const context = { logger, now: Date.now, random: Math.random, nodeFlags: [] };
    const register = await openRevocations(surroundings, context);
    t.teardown(() => register.close());
    t.equal(register.isBehind, false);
    const levels = () => logger.of('no other keys of the authority for revocation lists').map(({ level }) => level);
    const warnings = (): number => levels().filter((level) => level === 'warn').length;
    isAway = true;
    for (const _ of [1, 2, 3]) await register.signersChanged();
    // It also looks by itself.
    t.equal(levels()[0], 'debug', 'the first may be of files that were being written');
    t.equal(warnings(), 1);
    t.equal(register.isBehind, true);
    isAway = false;
    await register.signersChanged();
    t.equal(register.isBehind, false);
    isAway = true;
    for (const _ of [1, 2]) await register.signersChanged();
    t.equal(warnings(), 2);
  },
);
