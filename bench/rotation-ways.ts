// What does a new certificate cost by a secret volume and a hot restart of Envoy, and what by SDS?
//
// The same Envoy, certificates and clients in both ways: 16 clients that keep their connection, two that open one for
// each request, 20 answers that never end. The certificate changes at a fixed pace. By files, each change starts Envoy
// again on top of itself, as the proxy of a mesh with secret volumes does; over SDS an agent hands it over.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { freePorts } from '../src/demo/free-ports.js';
import type { EnvoyObject } from '../src/envoy-bootstrap/envoy-values.js';
import { startCitadel, type TestCitadel } from '../test/support/citadel.js';
import { openHotPath } from '../test/support/hot-path.js';
import { sidecarBootstrap } from '../test/support/running-envoy.js';
import { shortDir } from '../test/support/short-dir.js';
import { SidecertProcess } from '../test/support/sidecert-process.js';
import { conditionsOf } from './harness/conditions.js';
import { percentilesOf } from './harness/percentiles.js';
import { invocationOf, report } from './harness.js';
import { EnvoyEpochs, type EnvoyFigures } from './rotation/envoy-epochs.js';
import { type IdentityFiles, tlsOptionsOf, writeIdentity } from './rotation/mesh-identity.js';
import { MixedLoad, type Seen, startApp } from './rotation/mixed-load.js';

const invocation = invocationOf(process.argv.slice(2));
const ROTATIONS = invocation.isSmoke ? 1 : 6;
const PACE_SECONDS = invocation.isSmoke ? 4 : 12;
/** As with Istio, whose proxy drains for 45 s and ends at 60 s, in the same proportion to the pace. */
const DRAIN_SECONDS = invocation.isSmoke ? 1 : 5;
const PARENT_SHUTDOWN_SECONDS = invocation.isSmoke ? 2 : 7;
/** All that comes after the last rotation, too. */
const TAIL_MS = (PARENT_SHUTDOWN_SECONDS + 1) * 1000;
const HOUR_SECONDS = 3600;
const SDS_COUNTER = 'sds.default.update_success';

const envoyPath = process.env.ENVOY_PATH ?? 'no-envoy-found: run npm run setup, or set ENVOY_PATH';

/** What one way has cost. */
interface Cost {
  readonly seen: Seen;
  readonly envoy: EnvoyFigures;
  readonly seconds: number;
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly admin: string;
  readonly bootstrap: EnvoyObject;
}

/** A sidecar's bootstrap that asks the agent for its secrets. */
async function openPlace(t: Test): Promise<Place> {
  const directory = shortDir(t);
  const [port = 0] = await freePorts(1);
  const files = { admin: join(directory, 'admin'), inbound: '', outbound: '', app: join(directory, 'app') };
  const bootstrap = sidecarBootstrap(files, {
    socketPath: join(directory, 'sds'),
    inbound: {
      address: { host: '127.0.0.1', port },
      app: { path: files.app },
      allowedSans: [{ kind: 'prefix', value: 'spiffe://cluster.local/' }],
    },
  });
  t.teardown(await startApp(files.app));
  return { directory, port, admin: files.admin, bootstrap };
}

/** The same bootstrap with these files in the place of SDS. */
function withFiles(value: unknown, files: IdentityFiles): unknown {
  if (Array.isArray(value)) return value.map((one) => withFiles(one, files));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, one]): [string, unknown][] => {
    if (name === 'tls_certificate_sds_secret_configs') {
      const pair = { certificate_chain: { filename: files.certificate }, private_key: { filename: files.key } };
      return [['tls_certificates', [pair]]];
    }
    if (name === 'combined_validation_context') {
      const { default_validation_context: context } = one as { default_validation_context: EnvoyObject };
      return [['validation_context', { ...context, trusted_ca: { filename: files.roots } }]];
    }
    return [[name, withFiles(one, files)]];
  });
  return Object.fromEntries(entries);
}

/** Runs the load while `rotate` is called at the pace, and once more until all has settled. */
async function cost(
  t: Test,
  citadel: TestCitadel,
  place: Place,
  config: unknown,
  rotate: (envoy: EnvoyEpochs) => Promise<void>,
): Promise<Cost> {
  const configFile = join(place.directory, 'envoy.json');
  writeFileSync(configFile, JSON.stringify(config));
  const envoy = new EnvoyEpochs({
    ...{ envoyPath, configFile, admin: place.admin },
    ...{ drainSeconds: DRAIN_SECONDS, parentShutdownSeconds: PARENT_SHUTDOWN_SECONDS },
  });
  t.teardown(() => envoy.close());
  await envoy.startNext();
  const client = await writeIdentity(citadel, shortDir(t), 'sleep', HOUR_SECONDS);
  const load = new MixedLoad({ ...tlsOptionsOf(client), port: place.port });
  const before = envoy.figures();
  const startedAt = performance.now();
  await rotate(envoy);
  await sleep(TAIL_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  const { cpuMs, peakMb } = envoy.figures();
  const seen = await load.stop();
  await envoy.close();
  return { seen, seconds, envoy: { cpuMs: cpuMs - before.cpuMs, peakMb } };
}

/** A secret volume whose files change, and an Envoy that is started again for each change. */
async function byHotRestart(t: Test, citadel: TestCitadel): Promise<Cost> {
  const place = await openPlace(t);
  const write = (): Promise<IdentityFiles> => writeIdentity(citadel, place.directory, 'httpbin', HOUR_SECONDS);
  const config = withFiles(place.bootstrap, await write());
  return cost(t, citadel, place, config, async (envoy) => {
    for (let time = 0; time < ROTATIONS; time += 1) {
      await sleep(PACE_SECONDS * 1000);
      await write();
      await envoy.startNext();
    }
  });
}

/** An agent that hands each new certificate to the Envoy that runs. */
async function bySds(t: Test, citadel: TestCitadel): Promise<Cost> {
  const place = await openPlace(t);
  const token = join(place.directory, 'token');
  const roots = join(place.directory, 'root-cert.pem');
  writeFileSync(token, await citadel.issuer.token('foo', 'httpbin'));
  writeFileSync(roots, citadel.rootPem);
  const flags = {
    ...{ socket: join(place.directory, 'sds'), 'ca-address': citadel.address, 'ca-root': roots, 'token-file': token },
    ...{ 'ca-server-name': 'istiod.istio-system.svc', namespace: 'foo', 'service-account': 'httpbin' },
    // Renewed at half of it.
    ttl: `${2 * PACE_SECONDS}s`,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const agent = new SidecertProcess(t, ['agent', ...args]);
  await agent.says('agent ready');
  return cost(t, citadel, place, place.bootstrap, async (envoy) => {
    const first = await envoy.stat(SDS_COUNTER);
    while ((await envoy.stat(SDS_COUNTER)) < first + ROTATIONS) await sleep(100);
  });
}

t.setTimeout(600_000);
await t.test('rotation ways', async (t) => {
  const citadel = await startCitadel(t, openHotPath());
  const ways = [
    { name: 'files and hot restart', cost: await byHotRestart(t, citadel) },
    { name: 'SDS', cost: await bySds(t, citadel) },
  ];
  const each = (group: string, unit: string, samplesOf: (cost: Cost) => readonly number[]) =>
    ways.map(({ name, cost }) => ({ group, name, unit, ...percentilesOf(samplesOf(cost)) }));
  report(
    {
      name: 'rotation-ways',
      question: 'What does a new certificate cost by a secret volume and a hot restart of Envoy, and what by SDS?',
      note: [
        `${ROTATIONS} rotations, one every ${PACE_SECONDS} s, of a server with 16 clients that keep their connection,`,
        'two that open one for each request, and 20 answers that never end.',
        `The old Envoy drains for ${DRAIN_SECONDS} s and ends after ${PARENT_SHUTDOWN_SECONDS} s.`,
        'CPU time and memory are those of all Envoys together, without the agent.',
      ].join(' '),
      conditions: conditionsOf(0, 1),
      rates: [],
      distributions: [
        ...each('a request on a connection that is kept', 'ms', ({ seen }) => seen.kept),
        ...each('a request on a new connection', 'ms', ({ seen }) => seen.fresh),
        ...each('requests that failed', 'requests', ({ seen }) => [seen.failed]),
        ...each('endless answers that were cut, in each rotation', 'answers', ({ seen }) => [seen.cut / ROTATIONS]),
        ...each('CPU time of Envoy', 'ms a second', ({ envoy, seconds }) => [envoy.cpuMs / seconds]),
        ...each('largest memory of Envoy', 'MB', ({ envoy }) => [envoy.peakMb]),
      ],
      ratios: [],
    },
    invocation,
  );
});
