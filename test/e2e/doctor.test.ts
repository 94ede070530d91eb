import { join } from 'node:path';
import t from 'tap';
import { until } from '../../src/demo/polling.js';
import { BackendApp } from '../support/backend-app.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoy } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { runSidecert } from '../support/sidecert-process.js';
import { askUnix } from '../support/unix-http.js';

const { path, skip } = realEnvoy();

for (const certificateName of ['default', 'defautl']) {
  t.test(`an Envoy that asks for ${certificateName} is looked at by its admin pages`, { skip }, async (t) => {
    const agent = await startSidecarAgent(t);
    await agent.ask('default');
    const files = envoyFiles(shortDir(t));
    await BackendApp.start(t, files.app);
    const bootstrap = sidecarBootstrap(files, { socketPath: agent.socket, certificateName });
    await RunningEnvoy.start(t, { path, files, bootstrap });
    const wanted = certificateName === 'default' ? /"cert_chain": \[\s*\{/ : /"dynamic_warming_secrets"/;
    await until('Envoy has asked', AbortSignal.timeout(PATIENCE_MS), async () => {
      const pages = ['/config_dump', '/certs'].map(async (page) => (await askUnix(files.admin, page)).body);
      const texts = await Promise.all(pages).catch(() => []);
      return wanted.test(texts.join('\n')) || undefined;
    });
    const { code, out } = await runSidecert(t, [
      ...[
        'doctor',
        '--no-issue',
        '--socket',
        agent.socket,
        '--ca-address',
        '127.0.0.1:1',
        '--token-file',
        agent.tokenFile,
      ],
      ...['--ca-root', join(agent.socket, '..', 'root.pem'), '--namespace=foo', '--service-account=sleep'],
      ...['--envoy-admin', files.admin],
    ]);
    t.equal(code, 1, 'for the CA is not asked');
    t.match(out, /^ok +Envoy admin +\S+\/admin answers$/m);
    if (certificateName === 'default') {
      t.match(out, /^ok +secrets +Envoy has .*default/m);
      t.match(
        out,
        /^ok +certificates +Envoy holds spiffe:\/\/cluster\.local\/ns\/foo\/sa\/sleep, serial [0-9a-f]+, expires in/m,
      );
      t.notMatch(out, /^FAIL +(secrets|listeners|certificates)/m);
    } else {
      t.match(
        out,
        /^FAIL +secrets +Envoy waits for defautl, which the agent does not serve \(it serves default, ROOTCA, ALL\); .*did you mean default\?$/m,
      );
    }
  });
}

t.test('a port that is no Envoy, and none at all', async (t) => {
  const agent = await startSidecarAgent(t);
  const ask = (admin: string) =>
    runSidecert(t, [
      ...[
        'doctor',
        '--no-issue',
        '--socket',
        agent.socket,
        '--ca-address',
        '127.0.0.1:1',
        '--token-file',
        agent.tokenFile,
      ],
      ...['--namespace=foo', '--service-account=sleep', '--envoy-admin', admin],
    ]);
  t.match((await ask('127.0.0.1:1')).out, /^FAIL +Envoy admin +127\.0\.0\.1:1: .*; compare --envoy-admin with/m);
  t.match((await ask(agent.socket)).out, /^FAIL +Envoy admin .*; compare --envoy-admin with/m);
});
