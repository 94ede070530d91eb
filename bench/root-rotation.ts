// Does a change of the root fail a request, and whom does it break when it is forced?
//
// A Citadel with a directory, an agent in node mode with `--fakes` fake Envoys and `--envoys` real ones (a client, and
// servers that it shakes hands with all the time), and an agent of one more fake Envoy, which is deaf: it takes no leaf
// of the next root. The root is changed by `sidecert root stage`, `activate` and `retire`, each tried until it is safe.
// The deaf Envoy is in the way of the last step, which is forced when it is alone. Then a peer that begins now, and has
// the roots of Citadel alone, shakes hands with each server. All of it is of what ships, on this machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createTokenIssuer, TOKEN_ISSUER } from '../src/demo/kubernetes/token-issuer.js';
import { type FleetRun, runFleet } from '../src/fleet/index.js';
import { Written } from '../test/support/written.js';
import { conditionsLine, conditionsOf } from './harness/conditions.js';
import { DeafEnvoy, judgedByPeer } from './load/deaf-envoy.js';
import { RealSidecars } from './load/real-sidecars.js';
import { mintTokens, token } from './load/scenes.js';
import { plainEnvironment, WatchedProcess } from './load/watched-process.js';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' },
    'hot-path': { type: 'string', default: 'native' },
    fakes: { type: 'string', default: '1000' },
    envoys: { type: 'string', default: '8' },
    ttl: { type: 'string', default: '60s' },
  },
});
const hotPath = values['hot-path'] === 'js' ? 'js' : 'native';
const fakes = values.smoke ? 20 : Number(values.fakes);
const servers = values.smoke ? 1 : Number(values.envoys) - 1;
const ttl = values.smoke ? '10s' : values.ttl;
const { ENVOY_PATH: envoyPath = '' } = process.env;
if (envoyPath === '') throw new Error('ENVOY_PATH: got none, expected the path of an Envoy');

/** A step that has not become safe by then never does. */
const PATIENCE_MS = 10 * 60_000;

/** Between two tries of a step, each of which is a process. */
const TRY_AGAIN_MS = 500;

/** The load goes on for so long after the old root has gone. */
const AFTERMATH_MS = values.smoke ? 1000 : 10_000;

const PROGRAM = fileURLToPath(new URL('../../dist/sidecert.js', import.meta.url));

const directory = await mkdtemp(join(tmpdir(), 'sc-'));
const file = (name: string): string => join(directory, name);
const closers: (() => unknown)[] = [];
const beganMs = performance.now();
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const at = (): string => `at ${seconds(performance.now() - beganMs).padStart(7)}`;

/** Runs `sidecert root STEP`; what it says when it is refused. */
async function root(step: string, ...more: string[]): Promise<string | undefined> {
  const asked = step === 'stage' ? [] : ['--status-address', file('status')];
  const child = spawn(process.execPath, [PROGRAM, 'root', step, file('ca'), ...asked, ...more], {
    env: plainEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const err = new Written(child.stderr, `root ${step}`);
  const [code] = await once(child, 'close');
  return code === 0 ? undefined : err.whole();
}

/** Tries a step until it is taken, or refused for this reason; resolves with what it says then. */
async function tried(step: string, reason?: RegExp): Promise<string | undefined> {
  const beginMs = performance.now();
  for (let tries = 1; ; tries += 1) {
    const refusal = await root(step);
    const tookMs = performance.now() - beginMs;
    if (refusal === undefined || reason?.test(refusal)) {
      const how = refusal === undefined ? 'taken' : 'blocked by the deaf Envoy alone';
      console.log(`${at()}  root ${step.padEnd(9)} ${how} after ${seconds(tookMs)}, ${tries} tries`);
      return refusal;
    }
    if (tookMs > PATIENCE_MS) throw new Error(`root ${step}: ${refusal}`);
    await sleep(TRY_AGAIN_MS);
  }
}

async function startMesh() {
  const issuer = await createTokenIssuer(Date.now);
  await writeFile(file('jwks.json'), issuer.jwks);
  await mkdir(file('ca'), { mode: 0o700 });
  const { process: citadel, address: ca } = await WatchedProcess.start(
    [
      ...['citadel', '--listen', '127.0.0.1:0', '--ca-dir', file('ca'), '--jwks', file('jwks.json')],
      ...['--token-issuer', TOKEN_ISSUER, '--root-cert-out', file('root.pem'), '--hot-path', hotPath],
      ...['--trail-dir', file('trail'), '--status-address', file('status')],
    ],
    'citadel ready',
  );
  closers.push(() => citadel.stop());
  const startAgent = async (socket: string, flags: readonly string[]): Promise<WatchedProcess> => {
    const roots = ['--ca-address', ca, '--ca-root', file('root.pem')];
    const { process: agent } = await WatchedProcess.start(
      ['agent', '--socket', file(socket), ...roots, '--hot-path', hotPath, ...flags],
      'agent ready',
    );
    closers.push(() => agent.stop());
    return agent;
  };
  return { issuer, citadel, startAgent };
}

async function play(): Promise<void> {
  const { issuer, citadel, startAgent } = await startMesh();
  const node = await startAgent('s', ['--mode', 'node', '--ttl', ttl]);
  await writeFile(file('deaf.token'), await token(issuer, 'deaf', 'deaf'), { mode: 0o600 });
  const deafFlags = [
    '--namespace',
    'foo',
    '--service-account',
    'deaf',
    '--token-file',
    file('deaf.token'),
    '--ttl',
    '1h',
  ];
  const agentOfDeaf = await startAgent('d', deafFlags);
  const deaf = new DeafEnvoy(file('d'));
  closers.push(() => deaf.close());
  const deafPort = await deaf.start();

  const size = { envoys: 0, identities: fakes, rotations: 0, ttl, pauseMs: 0, callsMs: 0, aftermathMs: 0 };
  const tokensDirectory = await mintTokens({ directory, issuer, hotPath, size });
  const { fleet, served, end } = startFleet(tokensDirectory);
  await served;
  await mkdir(file('e'));
  const tokenOf = (account: string): Promise<string> => token(issuer, account, account);
  const sidecars = await RealSidecars.start({
    envoyPath,
    directory: file('e'),
    socketPath: file('s'),
    servers,
    tokenOf,
  });
  closers.push(() => sidecars.close());
  console.log(`${at()}  ${fakes} fake and ${servers + 1} real Envoys are served, and the load has begun`);
  const loadBeganMs = performance.now();
  for (const process of [citadel, node]) process.reset();

  await tried('stage');
  await tried('activate');
  // While its agent is another process, an Envoy keeps the leaf that it has.
  await agentOfDeaf.stop();
  await startAgent('d', deafFlags);
  await deaf.reconnect();
  const both = await readFile(file('ca/root-cert.pem'));
  const judged = async (roots: Buffer): Promise<string> => {
    const verdicts = await Promise.all(sidecars.serverPorts.map((port) => judgedByPeer(port, roots)));
    const good = verdicts.filter((verdict) => verdict === undefined).length;
    const others = verdicts.filter((verdict) => verdict !== undefined);
    const ofDeaf = await judgedByPeer(deafPort, roots);
    return `${good} of ${servers} servers accepted ${others.join(' ')}; the deaf one: ${ofDeaf ?? 'accepted'}`;
  };
  const alone = /retire: 1 workloads of [^;]* would be refused: [^ ,;]*\/sa\/deaf[^,;]*: Envoy deaf; --force/;
  await tried('retire', alone);
  console.log(`${at()}  a new peer with the roots of now:  ${await judged(both)}`);
  const forced = await root('retire', '--force');
  if (forced !== undefined) throw new Error(`root retire --force: ${forced}`);
  console.log(`${at()}  root retire    forced`);
  const next = await readFile(file('ca/root-cert.pem'));
  console.log(`${at()}  a new peer with the root of then:  ${await judged(next)}`);
  await sleep(AFTERMATH_MS);

  const [ofCitadel, ofNode] = await Promise.all([citadel.figures(), node.figures()]);
  const loadMs = performance.now() - loadBeganMs;
  const { sent, failures, handshakes, failedHandshakes } = await sidecars.stop();
  end();
  const { errors, checks, pushes } = (await fleet).report;
  console.log(
    `requests     ${sent} in ${seconds(loadMs)}, ${failures.length} failed ${[...new Set(failures)].slice(0, 3).join(', ')}`,
  );
  console.log(`handshakes   ${handshakes} of the client, ${failedHandshakes} of all failed`);
  console.log(
    `fake Envoys  ${pushes} secrets, errors ${JSON.stringify(errors)}, problems ${JSON.stringify(checks.problems)}`,
  );
  for (const [name, { cpuMs, rssMb, delayP99Ms }] of [
    ['agent', ofNode],
    ['Citadel', ofCitadel],
  ] as const) {
    const share = `${((100 * cpuMs) / loadMs).toFixed(1)} % of a core`;
    console.log(
      `${name.padEnd(12)} ${share}, RSS ${rssMb.toFixed(0)} MB, event loop p99 ${delayP99Ms.toFixed(1)} ms late`,
    );
  }
}

/** The fake Envoys, from now on until `end` is called. */
function startFleet(tokensDirectory: string): { fleet: Promise<FleetRun>; served: Promise<void>; end: () => void } {
  const stop = new AbortController();
  let tell = (): void => {};
  const served = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const fleet = runFleet(
    {
      ...{ socket: file('s'), hotPath: 'auto', envoys: fakes, streams: ['default', 'ROOTCA'] },
      ...{ connections: 'per-envoy', delta: false, tokensDirectory, tokenFile: undefined, rampMs: 0 },
      ...{ rotations: undefined, durationMs: 6 * PATIENCE_MS, timeoutMs: 6 * PATIENCE_MS },
      ...{ firstRequestBytes: 1000, misbehave: undefined },
    },
    {
      observer: {
        progress() {},
        milestone: (text) => {
          if (/first secret/.test(text)) tell();
        },
      },
      ...{ signal: stop.signal, now: Date.now, random: Math.random },
    },
  );
  closers.push(() => stop.abort());
  return { fleet, served: Promise.race([served, fleet.then(() => {})]), end: () => stop.abort() };
}

console.log(conditionsLine(conditionsOf(0, 1)));
console.log(`${fakes} fake Envoys, ${servers + 1} real ones and a deaf one, leaves of ${ttl}, ${hotPath}`);
try {
  await play();
} finally {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(directory, { recursive: true, force: true });
}
