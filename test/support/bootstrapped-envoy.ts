import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { renderBootstrap } from '../../src/app/index.js';
import { COMMANDS, readConfig } from '../../src/config/index.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { envoyArgs } from '../../src/demo/sidecars/envoy-sidecar.js';
import { shortDir } from './short-dir.js';
import { Written } from './written.js';

/** An Envoy with the bootstrap of these flags, ended with the test, and a client of its admin port. */
export async function startEnvoy(
  t: Test,
  { path, admin }: { path: string; admin: number },
  flags: Readonly<Record<string, string>>,
): Promise<HttpClient> {
  const args = Object.entries({ ...flags, namespace: 'foo', admin: `127.0.0.1:${admin}` });
  const config = readConfig(COMMANDS.bootstrap, {
    args: args.map(([name, value]) => `--${name}=${value}`),
    environment: {},
    files: { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) },
  });
  if (config.kind !== 'ok') throw new Error(JSON.stringify(config));
  const file = join(shortDir(t), 'envoy.yaml');
  writeFileSync(file, await renderBootstrap(config.config));
  const envoy = spawn(path, envoyArgs(file), { stdio: ['ignore', 'ignore', 'pipe'] });
  const log = new Written(envoy.stderr, `Envoy at ${admin}`);
  const client = new HttpClient(admin);
  t.teardown(() => {
    if (!t.passing()) process.stderr.write(`${log.failure(`exit code ${envoy.exitCode}`).message}\n`);
    client.close();
    envoy.kill('SIGKILL');
  });
  return client;
}
