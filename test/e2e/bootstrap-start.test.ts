import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { renderBootstrap } from '../../src/app/index.js';
import { COMMANDS, readConfig } from '../../src/config/index.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { envoyArgs } from '../../src/demo/sidecars/envoy-sidecar.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { Written } from '../support/written.js';

const UPSTREAM = 'on=127.0.0.1:1=spiffe://cluster.local/ns/foo/sa/a';
const files = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };

/** The process of an Envoy that runs what `sidecert bootstrap` prints, and its admin page. No agent is there. */
async function startEnvoy(t: Test, path: string, args: readonly string[]) {
  const [adminPort = 0] = await freePorts(1);
  const directory = shortDir(t);
  const all = ['--socket', join(directory, 'none'), '--admin', `127.0.0.1:${adminPort}`, ...args];
  // Listeners open without their certificate after this: that they can be bound is what counts here.
  const result = readConfig(COMMANDS.bootstrap, {
    args: [...all, '--initial-fetch-timeout', '100ms'],
    environment: {},
    files,
  });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  const file = join(directory, 'envoy.yaml');
  await writeFile(file, await renderBootstrap(result.config));
  const envoy = spawn(path, envoyArgs(file), { stdio: ['ignore', 'ignore', 'pipe'] });
  const log = new Written(envoy.stderr, 'Envoy');
  const gone = new AbortController();
  envoy.once('exit', () => gone.abort());
  const admin = new HttpClient(adminPort);
  t.teardown(async () => {
    admin.close();
    await end(envoy);
  });
  const page = async (of: string): Promise<string> => (await admin.get('localhost', of)).body;
  await until('Envoy ready', AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), gone.signal]), async () => {
    const { status } = await admin.get('localhost', '/ready');
    return status === 200 || undefined;
  }).catch((error: Error) => {
    throw log.failure(error.message, error);
  });
  return { page };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const WORKLOAD = ['--namespace', 'foo', '--service-account', 'sleep'];

for (const { name, path, skip } of realEnvoys()) {
  t.test(`${name} listens on one port of IPv4 and IPv6 at once`, { skip, timeout: 250_000 }, async (t) => {
    const [port = 0] = await freePorts(1);
    const inbound = ['--inbound', `0.0.0.0:${port}`, '--app', '127.0.0.1:1'];
    const outbound = ['--outbound', `[::]:${port}`, '--upstream', UPSTREAM];
    const { page } = await startEnvoy(t, path, [...WORKLOAD, ...inbound, ...outbound]);
    t.strictSame((await page('/listeners')).trim().split('\n').sort(), [
      `inbound::0.0.0.0:${port}`,
      `outbound::[::]:${port}`,
    ]);
  });

  t.test(`${name} listens on two free ports of one address`, { skip, timeout: 250_000 }, async (t) => {
    const inbound = ['--inbound', '127.0.0.1:0', '--app', '[::1]:1'];
    const outbound = ['--outbound', '127.0.0.1:0', '--upstream', UPSTREAM];
    const { page } = await startEnvoy(t, path, [...WORKLOAD, ...inbound, ...outbound]);
    t.equal(new Set((await page('/listeners')).trim().split('\n')).size, 2);
  });

  t.test(`${name} reads names as names that are something else to YAML 1.1`, { skip, timeout: 250_000 }, async (t) => {
    const workload = ['--namespace', 'no', '--service-account', 'y', '--node-id', '1:30'];
    const names = ['--certificate-name', '0x10', '--bundle-name', '~'];
    const inbound = ['--inbound', '127.0.0.1:0', '--app', '127.0.0.1:1'];
    const { page } = await startEnvoy(t, path, [...workload, ...names, ...inbound]);
    t.match(JSON.parse(await page('/server_info')), { node: { id: '1:30', cluster: 'y.no' } });
    const stats = await page('/stats?filter=^sds\\..*update_attempt');
    t.match(stats, /^sds\.0x10\.update_attempt/m);
    t.match(stats, /^sds\.~\.update_attempt/m);
  });
}
