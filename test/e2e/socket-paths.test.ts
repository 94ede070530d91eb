import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { checkHealth } from '../../src/app/index.js';
import { COMMANDS, type CommandSpec, readConfig } from '../../src/config/index.js';
import { fetchSecrets } from '../../src/demo/sidecars/secret-client.js';
import { fleetOn } from '../fleet/run.js';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { BackendApp } from '../support/backend-app.js';
import { identityOf, untilServed } from '../support/mtls-client.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { asksBy, STREAM_WAYS, waysOf } from '../support/sds-ways.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

/**
 * Names that somebody on the way takes for something else: an escape, a fragment, a query, a scheme, an abstract name.
 */
const NAMES = ['a%41', 'a#b', 'a?b', 'a b', 'unix:a', '@a', 'ä€', '100%', 'a:b'];

const FORMS = [
  { form: 'as a path', write: (path: string) => path },
  { form: 'as unix:', write: (path: string) => `unix:${uri(path)}` },
  { form: 'as unix://', write: (path: string) => `unix://${uri(path)}` },
];

const uri = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

const files = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };

/** The path that a command reads of its `--socket`. */
function read(command: 'agent' | 'bootstrap' | 'health' | 'fleet', text: string): string {
  const rest = {
    agent: ['--ca-address=a:1', '--namespace=foo', '--service-account=sleep'],
    bootstrap: ['--namespace=foo', '--service-account=sleep', '--inbound=127.0.0.1:1', '--app=127.0.0.1:2'],
    health: [],
    fleet: [],
  }[command];
  const args = [`--socket=${text}`, ...rest];
  const result = readConfig(COMMANDS[command] as CommandSpec, { args, environment: {}, files });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return String(result.config.socket);
}

async function startAgent(t: Test, socketPath: string) {
  const endpoint = await SdsEndpoint.start(t, socketPath);
  const ca = TestCa.root();
  const leaf = svidSecret(ca);
  endpoint.source.setSecrets({ default: leaf, ROOTCA: bundleSecret(ca.certificatePem) });
  return { ca, leaf };
}

for (const name of NAMES) {
  for (const { form, write } of FORMS) {
    t.test(`a socket "${name}" ${form} is the same to agent, health, fleet and stand-in`, async (t) => {
      const text = write(join(shortDir(t), name));
      await startAgent(t, read('agent', text));
      const health = { socket: read('health', text), address: undefined, caRootFile: undefined, serverName: undefined };
      t.match(await checkHealth({ ...health, timeoutMs: 10_000 }), { isServing: true });
      const { report } = await fleetOn(t, read('fleet', text), { envoys: 1 });
      t.match(report, { unserved: 0, refusedConnects: 0 });
      const client = { socketPath: read('bootstrap', text), nodeId: 'test', readToken: undefined };
      t.ok((await fetchSecrets(client, AbortSignal.timeout(PATIENCE_MS))).chainPem.length > 0);
    });
  }
}

for (const { name: envoyName, path, skip } of realEnvoys()) {
  for (const way of waysOf(envoyName, STREAM_WAYS).filter(({ api }) => api === 'sotw')) {
    t.test(`${envoyName} by ${way.name} finds the agent behind all of it`, { skip, timeout: 250_000 }, async (t) => {
      const directory = shortDir(t);
      const inner = join(directory, ...NAMES);
      mkdirSync(inner, { recursive: true });
      const [socketPath, tokenFile] = [join(inner, 's'), join(inner, 'token')];
      writeFileSync(tokenFile, 'a.b.c');
      const { ca, leaf } = await startAgent(t, socketPath);
      const envoys = envoyFiles(directory);
      await BackendApp.start(t, envoys.app);
      const bootstrap = sidecarBootstrap(envoys, { socketPath, ...asksBy(way, tokenFile) });
      const envoy = await RunningEnvoy.start(t, { path, files: envoys, bootstrap });
      await untilServed(envoy, identityOf(ca, SLEEP_ID), serialOf(leaf));
    });
  }
}
