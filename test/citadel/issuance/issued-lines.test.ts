import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { MetricRegistry } from '../../../src/telemetry/index.js';
import { startCitadel } from '../../support/citadel.js';
import { FakeClock } from '../../support/fake-clock.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';

/** As Citadel has it: all that are in flight may wait. */
const hotPath = openHotPath({ maxQueue: 512 });

t.test('an identity that asks again and again is 20 lines a minute and a sum; others are told in full', async (t) => {
  const logClock = new FakeClock();
  const metrics = new MetricRegistry();
  const { caller, issuer, logger } = await startCitadel(t, hotPath, { logClock, metrics });
  const csr = foreignCsr();
  const token = await issuer.token('foo', 'hog');
  const answers = await Promise.all(Array.from({ length: 100 }, () => caller.call({ token, csr })));
  t.ok(answers.every(({ code }) => code === status.OK));
  await caller.call({ token: await issuer.token('foo', 'sleep'), csr });
  const lines = logger.of('certificate issued').filter(({ level }) => level === 'info');
  t.equal(lines.length, 21);
  t.match(lines.at(-1), { fields: { spiffe_id: 'spiffe://cluster.local/ns/foo/sa/sleep', ttl_ms: 86_400_000 } });
  logClock.advance(60_000);
  const [sum, ...more] = logger.of('certificates issued');
  t.strictSame(more, []);
  t.match(sum, { level: 'info', fields: { spiffe_id: 'spiffe://cluster.local/ns/foo/sa/hog', count: 80 } });
  // What an audit needs: each certificate by its serial number.
  const serials = new Set(logger.of('certificate issued').map(({ fields }) => fields.serial));
  t.ok(answers.every(({ elements: [leaf = ''] }) => serials.has(new X509Certificate(leaf).serialNumber.toLowerCase())));
  t.ok(serials.has(sum?.fields.first_serial) && serials.has(sum?.fields.last_serial));
  const series = metrics.series().find(({ labels }) => labels.code === 'OK');
  t.match(series?.metric, { count: 101 }, 'and the metric counts all');
});
