import t from 'tap';
import { AllowedDirectories } from '../../../src/agent/files/allowed-directories.js';
import { SvidIssuance, WorkloadIdentity } from '../../../src/agent/identity/index.js';
import { FileSecrets } from '../../../src/agent/secrets/file-secrets.js';
import { SecretCatalog, WorkloadView } from '../../../src/agent/secrets/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';
import { lookedFiles } from '../../support/looked-files.js';
import { agentConfig } from '../../support/sidecar-agent.js';

const hotPath = openHotPath();

const names = [
  { name: 'default', isImpossible: false },
  { name: 'ROOTCA', isImpossible: false },
  { name: 'ALL', isImpossible: false },
  { name: 'spiffe://cluster.local/ns/foo/sa/sleep', isImpossible: false },
  { name: 'spiffe://cluster.local', isImpossible: false },
  { name: 'spiffe://other.example', isImpossible: false },
  { name: 'oauth', isImpossible: false },
  { name: 'file-cert:/certs/not-there~/certs/nor-this', isImpossible: false },
  { name: 'file-root:/certs/deep/below', isImpossible: false },
  { name: 'nope', isImpossible: true },
  { name: 'tickets', isImpossible: true },
  { name: 'spiffe://third.example', isImpossible: true },
  { name: 'spiffe://cluster.local/ns/foo/sa/httpbin', isImpossible: true },
  { name: 'file-cert:/certs/a', isImpossible: true },
  { name: 'file-cert:/certs/a~/elsewhere/b', isImpossible: true },
  { name: 'file-root:/certs/../etc/passwd', isImpossible: true },
  { name: 'file-root:/certs', isImpossible: true },
];

t.test('row 31: policy tells names that can never be from those that are not there yet', async (t) => {
  const clock = new FakeClock();
  const timers = new WallClockTimers(clock);
  t.teardown(() => timers.close());
  const config = agentConfig({
    ...{ 'ca-address': 'ca:1', namespace: 'foo', 'service-account': 'sleep', 'secret-dir': '/certs' },
    ...{ 'federated-bundle': 'other.example=/nowhere', 'generic-secret': 'oauth=/certs/oauth' },
  });
  const ca = new InProcessCa(hotPath, clock.now);
  const issuance = new SvidIssuance({
    ...{ keyType: 'ec-p256', ttlMs: 3600_000, issuer: ca, hotPath, maxInFlight: 1, now: clock.now },
  });
  const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
  const identity = new WorkloadIdentity(
    { issuance, timers, now: clock.now, random: () => 0, logger: silentLogger },
    { spiffeId, token: { read: async () => Buffer.from('token') } },
  );
  t.teardown(() => identity.close());
  const catalog = await SecretCatalog.open(config, { timers, now: clock.now, logger: silentLogger });
  t.teardown(() => catalog.close());
  const view = new WorkloadView(identity, catalog);
  for (const { name, isImpossible } of names) {
    t.equal(view.isImpossible(name), isImpossible, name);
    t.equal(view.secret(name), undefined, 'nothing is there yet');
  }
  view.close();
});

t.test('only files that may be served are looked for, and only while a stream wants them', async (t) => {
  const looked = lookedFiles();
  const secrets = new FileSecrets({
    ...{ ...looked.surroundings, directories: new AllowedDirectories(['/certs']) },
    ...{ generic: new Map([['oauth', '/certs/oauth']]), privateKeyProvider: undefined },
  });
  t.teardown(() => secrets.close());
  const streams = [secrets.openStream(() => {}), secrets.openStream(() => {})];
  for (const stream of streams) for (const { name } of names) stream.secret(name);
  await looked.untilWatched(3);
  // What was asked for in the same turn has had its first look by now, too.
  await looked.look();
  t.equal(looked.watched, 3);
  streams[0]?.close();
  t.equal(looked.watched, 3, 'another stream wants them');
  streams[1]?.close();
  t.equal(looked.watched, 0);
});
