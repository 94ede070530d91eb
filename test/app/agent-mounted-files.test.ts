import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { metricProblems } from '../support/metric-lint.js';
import { istioFiles, mountedFiles, SLEEP } from '../support/mounted-identity.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { untilAll } from '../support/sidecar-agent.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';

t.test('an agent without a CA serves what is mounted, by all names, and tells how it stands', async (t) => {
  const [directory, socketDirectory] = [shortDir(t), shortDir(t)];
  const replace = (files: Readonly<Record<string, Buffer>>): void => {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(socketDirectory, 'new'), content);
      renameSync(join(socketDirectory, 'new'), join(directory, name));
    }
  };
  const logger = new RecordingLogger();
  const config = settings(COMMANDS.agent, {
    ...{ socket: join(socketDirectory, 's'), 'status-address': '127.0.0.1:0' },
    ...{ 'identity-source': 'file', 'identity-dir': directory },
  });
  const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => agent.close());
  const pages = new StatusReader(logger);
  t.match(await pages.page('/healthz/ready'), { code: 503 });
  t.match((await pages.page('/metrics')).text, /^sidecert_identity_files_age_seconds NaN$/m);
  t.match(logger.of('secret files refused'), [{ level: 'error', fields: { error: /got no key file/ } }]);

  const names = ['default', 'ROOTCA', 'ALL', SLEEP, 'spiffe://cluster.local'];
  const stream = openSdsClient(t, agent.address);
  stream.request({ names, nodeId: 'test' });
  const ca = TestCa.root();
  const set = mountedFiles({ ca });
  replace(istioFiles(set));
  t.strictSame([...(await untilAll(stream, names.length)).names].sort(), [...names].sort());
  t.match(await pages.page('/healthz/ready'), { code: 200 });
  const { identities, files, ca: shownCa } = await pages.status();
  t.match(identities, [{ spiffe_id: SLEEP, svid: 'valid', serial: set.serial, failed_renewals: 0 }]);
  t.match(files, { path: directory, last_good: /^20/ });
  t.equal(shownCa, undefined);

  const next = mountedFiles({ ca });
  replace({ 'key.pem': next.key });
  await logger.until('secret files refused, the last good content stays');
  t.match((await pages.status()).identities, [
    { svid: 'valid', serial: set.serial, last_failure: { error: /got the key of another certificate/ } },
  ]);
  const { text } = await pages.page('/metrics');
  t.strictSame(metricProblems(text), []);
  t.match(text, /^sidecert_identity_files_refused_total\{code="ERR_SECRET_FILE_INVALID"\} \d+$/m);
  t.match(text, /^sidecert_identity_files_age_seconds \d/m);
  t.match(text, /^sidecert_svid_expiry_seconds 3\d\d\d/m);
  replace({ 'cert-chain.pem': next.chain });
  const pushed = await stream.expectResponse();
  t.notOk(pushed.names.includes('ROOTCA') && pushed.names.length === 1);
  t.match((await pages.status()).identities, [{ serial: next.serial, failed_renewals: 0 }]);
  rmSync(join(directory, 'root-cert.pem'));
  await logger.until('secret files refused, the last good content stays', 2);
  t.match(await pages.page('/healthz/ready'), { code: 200 }, 'without its files it goes on');
});
