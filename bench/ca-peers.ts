// How does a Citadel compare with CAs of Go, and what does each take for a certificate?
//
// A Citadel of what ships, a bare CA of grpc-go and crypto/x509 (bench/peers/go-ca) and, where ISTIO_CA_PATH names it,
// istiod's own, each in a process of its own, with the same root, key set and tokens. `sidecert load-ca` asks them in
// turn, scene by scene, within the same minutes. `--scene TEXT` plays only scenes with such a name.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createTokenIssuer, TOKEN_ISSUER } from '../src/demo/kubernetes/token-issuer.js';
import type { CaLoadReport } from '../src/fleet/index.js';
import { buildGoProgram } from '../test/support/go-program.js';
import { type Answer, type DistributionRow, type RateRow, type RatioRow, ratioOf } from './harness/answer.js';
import { conditionsOf } from './harness/conditions.js';
import { median, type Percentiles, percentilesOf, usualOf } from './harness/percentiles.js';
import { invocationOf, report } from './harness.js';
import { type CaCommand, CaServer } from './load/ca-server.js';
import { mintTokens } from './load/scenes.js';
import { plainEnvironment } from './load/watched-process.js';

const PROGRAM = fileURLToPath(new URL('../../dist/sidecert.js', import.meta.url));
const OURS = 'Citadel';
const GO = 'Go';
const ISTIO = 'istiod';

type KeyType = 'ec' | 'rsa';

interface Scene {
  readonly name: string;
  readonly caKey: KeyType;
  readonly flags: readonly string[];
}

const SIXTEEN_EC = '16 in flight';
const SIXTEEN = ['--concurrency', '16', '--connections', '4'];

const SCENES: readonly Scene[] = [
  { name: '1 in flight', caKey: 'ec', flags: ['--concurrency', '1'] },
  { name: SIXTEEN_EC, caKey: 'ec', flags: SIXTEEN },
  { name: '64 in flight', caKey: 'ec', flags: ['--concurrency', '64', '--connections', '8'] },
  { name: '16, RSA-2048 CSRs', caKey: 'ec', flags: [...SIXTEEN, '--key-types', 'rsa-2048'] },
  { name: '16, new connections', caKey: 'ec', flags: ['--concurrency', '16', '--new-connections'] },
  { name: '16, RSA-2048 CA', caKey: 'rsa', flags: SIXTEEN },
];

/** What load a run is, and for how long it lasts. */
interface Extent {
  readonly pods: number;
  readonly duration: string;
  readonly rounds: number;
}

const SMOKE: Extent = { pods: 20, duration: '200ms', rounds: 1 };

/** Certificates of one peer in one scene and round. */
interface Run {
  readonly perSecond: number;
  readonly times: Percentiles;
  /** Milliseconds for a certificate. */
  readonly cpuMs: number;
  readonly cores: number;
  readonly rssMb: number;
}

type Runs = Map<string, Run[]>;

const [scenePart, harnessArgs] = sceneOf(process.argv.slice(2));
const invocation = invocationOf(harnessArgs);
const extent: Extent = invocation.isSmoke ? SMOKE : { pods: 1000, duration: '2s', rounds: invocation.rounds };

/** What is behind `--scene`, and the other arguments. */
function sceneOf(args: readonly string[]): [string, string[]] {
  const at = args.indexOf('--scene');
  if (at < 0) return ['', [...args]];
  return [args[at + 1] ?? '', [...args.slice(0, at), ...args.slice(at + 2)]];
}

const directory = await mkdtemp(join(tmpdir(), 'sc-'));
const file = (name: string): string => join(directory, name);
const issuer = await createTokenIssuer(Date.now);
await writeFile(file('jwks.json'), issuer.jwks);
const size = { envoys: 0, identities: extent.pods, rotations: 0, ttl: '', pauseMs: 0, callsMs: 0, aftermathMs: 0 };
const tokens = await mintTokens({ directory, issuer, hotPath: 'native', size });
const keySets = createServer((_, response) => response.end(issuer.jwks)).listen(0, '127.0.0.1');
const run = promisify(execFile);

/** A root of its own for each kind of key, with the names that Istio's Secret `cacerts` has. */
async function plugIn(keyType: KeyType): Promise<string> {
  const path = file(keyType);
  mkdirSync(path, { mode: 0o700 });
  const key = keyType === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048'];
  const [certificate, keyFile] = [join(path, 'ca-cert.pem'), join(path, 'ca-key.pem')];
  const out = ['-nodes', '-keyout', keyFile, '-out', certificate, '-days', '3650', '-subj', '/O=cluster.local'];
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  execFileSync('openssl', ['req', '-x509', '-newkey', ...key, ...out, ...usage], { stdio: 'ignore' });
  await copyFile(certificate, join(path, 'root-cert.pem'));
  await copyFile(certificate, join(path, 'cert-chain.pem'));
  return path;
}

/** The CAs of this machine, each with the CA key in a directory; in a smoke Citadel alone, which takes no Go. */
function commands(caDirectory: string): Map<string, CaCommand> {
  const all = new Map<string, CaCommand>();
  const jwks = ['--jwks', file('jwks.json'), '--token-issuer', TOKEN_ISSUER];
  all.set(OURS, {
    file: process.execPath,
    args: [PROGRAM, 'citadel', '--listen', '127.0.0.1:0', '--ca-dir', caDirectory, ...jwks, ...ourFlags()],
    ready: /"msg":"citadel ready".*"address":"([^"]+)"/,
  });
  if (invocation.isSmoke) return all;
  const go = buildGoProgram('go-ca', 'bench/peers/go-ca');
  if (go.missing === false) {
    all.set(GO, { file: go.file, args: [caDirectory, file('jwks.json'), TOKEN_ISSUER], ready: /^(127\.0\.0\.1:\d+)$/ });
  }
  const { ISTIO_CA_PATH: istio } = process.env;
  if (istio !== undefined) {
    const jwksUri = `http://127.0.0.1:${(keySets.address() as AddressInfo).port}/`;
    const rule = { issuer: TOKEN_ISSUER, jwksUri, audiences: ['istio-ca'] };
    const env = { ROOT_CA_DIR: caDirectory, JWT_RULE: JSON.stringify(rule) };
    all.set(ISTIO, { file: istio, args: [], cwd: directory, env, ready: /^(127\.0\.0\.1:\d+)$/ });
  }
  return all;
}

/** Where a trail is to be measured, or a flag: `CITADEL_FLAGS="--trail-dir /tmp/trail"`. */
function ourFlags(): string[] {
  return process.env.CITADEL_FLAGS?.split(' ') ?? [];
}

async function load(server: CaServer, { caKey, flags }: Scene, duration: string): Promise<Run> {
  const json = file('load-ca.json');
  const args = ['load-ca', '--ca-address', server.address, '--ca-root', join(file(caKey), 'root-cert.pem')];
  const before = server.cpuMs;
  await run(
    process.execPath,
    [PROGRAM, ...args, '--tokens', tokens, '--json', json, '--duration', duration, ...flags],
    { env: plainEnvironment() },
  );
  const cpuMs = server.cpuMs - before;
  const told: CaLoadReport = JSON.parse(await readFile(json, 'utf8'));
  assert.ok(told.isClean && told.issuedMs !== undefined, JSON.stringify(told.errors));
  const { p50, p90, p99, max } = told.issuedMs;
  return {
    perSecond: told.issuedPerSecond,
    times: { p50, p90, p99, max, count: told.issued },
    cpuMs: cpuMs / told.issued,
    cores: cpuMs / told.durationMs,
    rssMb: server.rssMb.peak,
  };
}

/** Of each scene, the runs of each peer. */
async function play(scenes: readonly Scene[]): Promise<Map<string, Runs>> {
  const servers = new Map<KeyType, Map<string, CaServer>>();
  const all = new Map<string, Runs>(scenes.map(({ name }) => [name, new Map()]));
  try {
    for (const keyType of new Set(scenes.map(({ caKey }) => caKey))) {
      const ofKey = new Map<string, CaServer>();
      servers.set(keyType, ofKey);
      for (const [peer, command] of commands(await plugIn(keyType))) ofKey.set(peer, await CaServer.start(command));
    }
    // V8 and the kernel are warm before anything counts.
    for (const [caKey, ofKey] of invocation.isSmoke ? [] : servers) {
      for (const server of ofKey.values()) await load(server, { name: '', caKey, flags: SIXTEEN }, extent.duration);
    }
    for (let round = 0; round < extent.rounds; round += 1) {
      for (const scene of scenes) {
        for (const [peer, server] of servers.get(scene.caKey) ?? []) {
          const runs = all.get(scene.name);
          runs?.set(peer, [...(runs.get(peer) ?? []), await load(server, scene, extent.duration)]);
        }
      }
    }
    return all;
  } finally {
    for (const ofKey of servers.values()) for (const server of ofKey.values()) await server.stop();
  }
}

function answerOf(all: ReadonlyMap<string, Runs>): Answer {
  const rates: RateRow[] = [];
  const distributions: DistributionRow[] = [];
  const ratios: RatioRow[] = [];
  for (const [scene, runs] of all) {
    for (const [peer, ofPeer] of runs) {
      const rounds = ofPeer.map(({ perSecond }) => perSecond);
      rates.push({
        ...{ group: scene, name: peer, perSecond: median(rounds), samples: rounds.length, rounds },
        errorPercent: (50 * (Math.max(...rounds) - Math.min(...rounds))) / median(rounds),
      });
      const of = (unit: string, name: string, percentiles: Percentiles): void => {
        distributions.push({ group: scene, name: `${peer}, ${name}`, unit, ...percentiles });
      };
      of('ms', 'time to a certificate', usualOf(ofPeer.map(({ times }) => times)));
      of('ms', 'CPU for a certificate', percentilesOf(ofPeer.map(({ cpuMs }) => cpuMs)));
      of('cores', 'busy', percentilesOf(ofPeer.map(({ cores }) => cores)));
      of('MB', 'RSS at most', percentilesOf(ofPeer.map(({ rssMb }) => rssMb)));
    }
    for (const peer of runs.keys()) {
      if (peer !== OURS) ratios.push(ratioOf({ group: scene, of: OURS, to: peer }, rates));
    }
  }
  return {
    name: 'ca-peers',
    question: 'How does a Citadel compare with CAs of Go, and what does each take for a certificate?',
    note: `Each run lasts ${extent.duration}, with tokens of ${extent.pods} pods, signed by RS256 and verified for each certificate; the load runs on the same machine. "error" is half of the distance from the slowest round to the fastest.`,
    conditions: conditionsOf(1, extent.rounds),
    ...{ rates, distributions, ratios },
  };
}

try {
  const scenes = SCENES.filter(({ name }) => name.includes(invocation.isSmoke ? SIXTEEN_EC : scenePart));
  report(answerOf(await play(scenes)), invocation);
} finally {
  keySets.close();
  await rm(directory, { recursive: true });
}
