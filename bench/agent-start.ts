// How long does an agent take to its first secret, how much memory then, and what does a health check?
//
// Starts a Citadel once, then agents one after another, each a fresh process of dist/sidecert.js. The clock runs from
// the spawn to the first byte of a `default` secret over the Unix socket, CSR and all. Health checks, of the agent and
// of the Citadel, are processes as well, as probes start them, and so is a Node.js beside them that has nothing to do.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { envoy } from '../src/net/protobuf/index.js';
import { Written } from '../test/support/written.js';
import type { Answer } from './harness/answer.js';
import { conditionsOf } from './harness/conditions.js';
import { percentilesOf } from './harness/percentiles.js';
import { invocationOf, report } from './harness.js';

const { DiscoveryRequest } = envoy.service.discovery.v3;
const TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const invocation = invocationOf(process.argv.slice(2));
const RUNS = invocation.isSmoke ? 1 : 15;
/** When the work of the start is over; and when V8, which waits for 8 s without any, has given back what that took. */
const SETTLE_MS = invocation.isSmoke ? 100 : 3000;
const REST_MS = invocation.isSmoke ? 200 : 15_000;
/** When each agent has a call for the trust bundle with its CA, which is held: the first one is made within 30 s. */
const HELD_MS = invocation.isSmoke ? 200 : 45_000;
const HELD_RUNS = invocation.isSmoke ? 1 : 5;

const directory = mkdtempSync(join(tmpdir(), 'sc-'));
const file = (name: string): string => join(directory, name);
const sidecert = (...args: string[]) =>
  spawn(process.execPath, ['dist/sidecert.js', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });

/** A DiscoveryRequest for `default` in a gRPC frame. */
function firstRequest(): Buffer {
  const message = DiscoveryRequest.encode({
    typeUrl: TYPE_URL,
    resourceNames: ['default'],
    node: { id: 'bench' },
  }).finish();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Resolves when `default` has come over the socket, connecting as early as the socket lets it. */
async function firstSecret(socketPath: string): Promise<void> {
  for (;;) {
    const socket = createConnection(socketPath);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (!connected) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    const session = connect('http://localhost', { createConnection: () => socket });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.write(firstRequest());
    const [bytes] = (await once(stream, 'data')) as [Buffer];
    if (!bytes.includes('CERTIFICATE')) throw new Error('the first answer holds no certificate');
    session.destroy();
    return;
  }
}

/**
 * CPU time that all threads of the process have had, in milliseconds. (proc_pid_schedstat(5): the first figure, in ns)
 */
function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

function memoryKb(pid: number): { rss: number; anonymous: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]);
  return { rss: field('Rss'), anonymous: field('Anonymous') };
}

/** CPU time of a Node.js with these arguments from its start to its end, all threads, in milliseconds. */
function cpuMsOfRun(...args: string[]): number {
  const timed = 'TIMEFORMAT="%3U %3S"; time "$0" "$@" >/dev/null 2>&1';
  const said = execFileSync('bash', ['-c', `{ ${timed}; } 2>&1`, process.execPath, ...args], { encoding: 'utf8' });
  const [user = Number.NaN, system = Number.NaN] = said.trim().split(' ').map(Number);
  return (user + system) * 1000;
}

/** What health checks of both take beyond a Node.js that does nothing. */
function measureHealth(socketPath: string, caAddress: string) {
  const nothing = cpuMsOfRun('-e', '0');
  const health = (...target: string[]): number => cpuMsOfRun('dist/sidecert.js', 'health', ...target) - nothing;
  return {
    nothing,
    ofAgent: health('--socket', socketPath),
    ofCitadel: health('--address', caAddress.replace('127.0.0.1', 'localhost'), '--ca-root', file('root.pem')),
  };
}

function startAgent(socketPath: string, caAddress: string) {
  const agent = sidecert(
    ...['agent', '--socket', socketPath, '--ca-address', caAddress, '--ca-root', file('root.pem')],
    ...['--token-file', file('token'), '--namespace', 'foo', '--service-account', 'sleep', '--log-level', 'error'],
  );
  agent.stderr.pipe(process.stderr);
  return agent;
}

async function measureAgent(run: number, caAddress: string) {
  const socketPath = file(`s${run}`);
  const startedAt = performance.now();
  const agent = startAgent(socketPath, caAddress);
  await firstSecret(socketPath);
  const milliseconds = performance.now() - startedAt;
  const cpu = cpuMs(agent.pid ?? 0);
  await sleep(SETTLE_MS);
  const memory = memoryKb(agent.pid ?? 0);
  await sleep(REST_MS - SETTLE_MS);
  const atRest = memoryKb(agent.pid ?? 0);
  const health = measureHealth(socketPath, caAddress);
  agent.kill('SIGTERM');
  await once(agent, 'exit');
  return { milliseconds, cpu, memory, atRest, health };
}

/** The memory of agents at rest that keep a connection to the CA, for the call that it holds. */
async function measureHeld(caAddress: string): Promise<{ rss: number; anonymous: number }[]> {
  const agents = [];
  for (let run = 0; run < HELD_RUNS; run += 1) {
    const socketPath = file(`h${run}`);
    agents.push(startAgent(socketPath, caAddress));
    await firstSecret(socketPath);
  }
  await sleep(HELD_MS);
  const memory = agents.map(({ pid = 0 }) => memoryKb(pid));
  for (const agent of agents) agent.kill('SIGTERM');
  await Promise.all(agents.map((agent) => once(agent, 'exit')));
  return memory;
}

async function writeToken(): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  writeFileSync(
    file('jwks.json'),
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }),
  );
  const token = await new SignJWT({ sub: 'system:serviceaccount:foo:sleep' })
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .setIssuer(ISSUER)
    .setAudience('istio-ca')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  writeFileSync(file('token'), token);
}

type Measured = Awaited<ReturnType<typeof measureAgent>>;

function answerOf(results: readonly Measured[], held: Awaited<ReturnType<typeof measureHeld>>): Answer {
  const rowOf = (name: string, unit: string, samples: number[]) => ({
    ...{ group: 'agent', name, unit },
    ...percentilesOf(samples),
  });
  const row = (name: string, unit: string, of: (one: Measured) => number) => rowOf(name, unit, results.map(of));
  const heldRow = (name: string, of: keyof (typeof held)[number]) =>
    rowOf(
      name,
      'MB',
      held.map((one) => one[of] / 1024),
    );
  return {
    name: 'agent-start',
    question: 'How long does an agent take to its first secret, how much memory then, and what does a health check?',
    note: `Our own Citadel on the same machine; each agent is a fresh process. Memory is that ${SETTLE_MS} ms later, and at rest ${REST_MS} ms later.`,
    conditions: conditionsOf(0, RUNS),
    rates: [],
    distributions: [
      row('process start to first secret', 'ms', ({ milliseconds }) => milliseconds),
      row('of it CPU time, all threads', 'ms', ({ cpu }) => cpu),
      row('resident memory', 'MB', ({ memory }) => memory.rss / 1024),
      row('of it anonymous', 'MB', ({ memory }) => memory.anonymous / 1024),
      row('resident memory at rest', 'MB', ({ atRest }) => atRest.rss / 1024),
      row('of that anonymous', 'MB', ({ atRest }) => atRest.anonymous / 1024),
      heldRow('resident memory with a held call for the trust bundle', 'rss'),
      heldRow('of that anonymous, too', 'anonymous'),
      row('CPU time of a Node.js with nothing to do', 'ms', ({ health }) => health.nothing),
      row('of a health check of the agent, beyond that', 'ms', ({ health }) => health.ofAgent),
      row('of one of the Citadel, over TLS', 'ms', ({ health }) => health.ofCitadel),
    ],
    ratios: [],
  };
}

try {
  await writeToken();
  const citadel = sidecert(
    ...['citadel', '--listen', '127.0.0.1:0', '--jwks', file('jwks.json'), '--token-issuer', ISSUER],
    ...['--root-cert-out', file('root.pem')],
  );
  const ready = await new Written(citadel.stderr, 'the Citadel').line('"citadel ready"');
  const { address: caAddress } = JSON.parse(ready) as { address: string };
  const results = [];
  for (let run = 0; run < RUNS; run += 1) results.push(await measureAgent(run, caAddress));
  const held = await measureHeld(caAddress);
  citadel.kill('SIGTERM');
  report(answerOf(results, held), invocation);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
