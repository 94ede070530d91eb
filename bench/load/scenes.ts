import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenIssuer } from '../../src/demo/kubernetes/token-issuer.js';
import { TOKEN_ISSUER } from '../../src/demo/kubernetes/token-issuer.js';
import type { FleetReport } from '../../src/fleet/index.js';
import { runFleetProcess } from './fleet-run.js';
import type { ProcessFigures } from './monitor.js';
import type { OutsideFigures } from './process-meter.js';
import { WatchedProcess } from './watched-process.js';

/** How many take part. */
export interface Size {
  readonly envoys: number;
  readonly identities: number;
  readonly rotations: number;
  /** Of the certificates: short enough that a run sees several rotations, long enough that they do not overlap. */
  readonly ttl: string;
  /**
   * Where it is not a certificate's end that brings a rotation: the time between two, so that the work of each is told
   * apart.
   */
  readonly pauseMs: number;
  /** In which requests to a CA begin. */
  readonly callsMs: number;
  /** How long the server is given to give memory back. */
  readonly aftermathMs: number;
}

/** Where a scene is played, and by which implementation of the hot path. */
export interface Stage {
  readonly directory: string;
  readonly issuer: TokenIssuer;
  readonly hotPath: 'native' | 'js';
  readonly size: Size;
}

/** Of a server of another make only what can be seen from outside. */
export type ServerFigures = OutsideFigures & Partial<ProcessFigures>;

/** A process that is measured. */
export interface Watched {
  /** Forgets what was measured so far. */
  reset(): void;
  /** What was measured since. */
  figures(): Promise<ServerFigures>;
}

/** What a scene came to: the phase in which all come, and the one in which all rotate. */
export interface Outcome {
  readonly report: FleetReport;
  /** Of the SDS server: our agent, or a peer. */
  readonly serverAtFirst: ServerFigures;
  /** `undefined` where there is none. */
  readonly citadelAtFirst: ServerFigures | undefined;
  /** `undefined` when there was no rotation. */
  readonly serverAtRotations: ServerFigures | undefined;
  /** Of the server, some seconds after all Envoys have gone. */
  readonly rssAfterMb: number;
}

/** A node's identities are issued once in a scene. */
const LONG_TTL = '1h';

const TOKEN_SECONDS = 3600;

/** 5 000 Envoys of one workload, two streams each, through several rotations. */
export async function oneIdentity(stage: Stage, firstRequestBytes: number): Promise<Outcome> {
  const { directory, issuer, size } = stage;
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, await token(issuer, 'sleep', 'pod-0'), { mode: 0o600 });
  const agentFlags = ['--namespace', 'foo', '--service-account', 'sleep', '--token-file', tokenFile, '--ttl', size.ttl];
  return play(stage, agentFlags, crowdFlags(size, firstRequestBytes));
}

/** What the fleet does in that scene. */
export function crowdFlags({ envoys, rotations }: Size, firstRequestBytes: number): string[] {
  return [
    ...['--envoys', `${envoys}`, '--rotations', `${rotations}`],
    ...['--first-request-bytes', `${firstRequestBytes}`],
  ];
}

/** 2 000 Envoys of as many pods: each with a key, a CSR, a certificate and a push of its own. */
export async function manyIdentities(stage: Stage): Promise<Outcome> {
  const { size } = stage;
  const tokens = await mintTokens(stage);
  const agentFlags = ['--mode', 'node', '--ttl', LONG_TTL];
  const fleetFlags = [
    ...['--envoys', `${size.identities}`, '--rotations', '0'],
    ...['--first-request-bytes', '1000', '--tokens', tokens],
  ];
  return play(stage, agentFlags, fleetFlags);
}

/** A directory with a token for each of so many pods. */
export async function mintTokens({ directory, issuer, size }: Stage): Promise<string> {
  const tokens = join(directory, 'tokens');
  await mkdir(tokens, { mode: 0o700 });
  for (let pod = 0; pod < size.identities; pod += 1) {
    const text = await token(issuer, `account-${pod}`, `pod-${pod}`);
    await writeFile(join(tokens, `${pod}`.padStart(5, '0')), text, { mode: 0o600 });
  }
  return tokens;
}

/** What a while of renewals came to, from the last first secret on. */
export interface ShortLives {
  readonly report: FleetReport;
  readonly agent: ProcessFigures;
  readonly citadel: ProcessFigures;
  /** Of the figures. */
  readonly elapsedMs: number;
  /** Certificates beyond the first ones, until the fleet ended. */
  readonly renewals: number;
}

/** The figures are read before thousands of connections end. */
const BEFORE_END_MS = 500;

/** What else asks the agent meanwhile, until it is stopped. */
export type Alongside = (socket: string) => Promise<{ stop(): Promise<void> }>;

/** As many Envoys as pods, whose certificates live for `size.ttl`, for so many seconds. */
export async function shortLives(stage: Stage, seconds: number, alongside: Alongside): Promise<ShortLives> {
  const { directory, size } = stage;
  const tokens = await mintTokens(stage);
  return withServers(stage, ['--mode', 'node', '--ttl', size.ttl], async ({ agent, citadel, socket }) => {
    const others = await alongside(socket);
    let figures: Promise<Pick<ShortLives, 'agent' | 'citadel' | 'elapsedMs'>> | undefined;
    const read = async (): Promise<Awaited<NonNullable<typeof figures>>> => {
      const beganAtMs = performance.now();
      for (const process of [agent, citadel]) process.reset();
      await sleep(seconds * 1000 - BEFORE_END_MS);
      const elapsedMs = performance.now() - beganAtMs;
      const [ofAgent, ofCitadel] = await Promise.all([agent.figures(), citadel.figures(), others.stop()]);
      return { agent: ofAgent, citadel: ofCitadel, elapsedMs };
    };
    const fleetFlags = [
      ...['--envoys', `${size.identities}`, '--duration', `${seconds}s`, '--timeout', `${seconds + 120}s`],
      ...['--first-request-bytes', '1000', '--tokens', tokens, '--socket', socket],
    ];
    const report = await runFleetProcess(fleetFlags, {
      jsonFile: join(directory, 'fleet.json'),
      onAllServed: () => {
        figures = read();
      },
      onRotated: () => {},
    });
    if (figures === undefined) throw new Error('the fleet: got some streams without a secret, expected all served');
    // Each Envoy has two first secrets, and the bundle stays the same.
    return { report, ...(await figures), renewals: report.pushes - report.streams };
  });
}

/** For the agent to come to rest: first requests leave work and memory behind. */
const REST_MS = 5000;

/** All Envoys at rest for so many seconds, twice: without anything, and while `watch` goes on at the status socket. */
export async function watchedPage(
  stage: Stage,
  seconds: number,
  watch: (socketPath: string, untilMs: number) => Promise<void>,
): Promise<Readonly<Record<'alone' | 'watched', ProcessFigures>>> {
  const { directory, issuer, size } = stage;
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, await token(issuer, 'sleep', 'pod-0'), { mode: 0o600 });
  const status = join(directory, 'status');
  const flags = ['--namespace', 'foo', '--service-account', 'sleep', '--token-file', tokenFile, '--ttl', size.ttl];
  return withServers(stage, [...flags, '--status-address', status], async ({ agent, socket }) => {
    const measured = async (): Promise<Readonly<Record<'alone' | 'watched', ProcessFigures>>> => {
      await sleep(REST_MS);
      agent.reset();
      await sleep(seconds * 1000);
      const alone = await agent.figures();
      agent.reset();
      await watch(status, performance.now() + seconds * 1000);
      return { alone, watched: await agent.figures() };
    };
    let figures: ReturnType<typeof measured> | undefined;
    const needed = 3 * seconds + REST_MS / 1000 + 10;
    await runFleetProcess(
      [
        ...['--envoys', `${size.envoys}`, '--duration', `${needed}s`, '--timeout', `${needed + 120}s`],
        ...['--first-request-bytes', '1000', '--socket', socket],
      ],
      {
        jsonFile: join(directory, 'fleet.json'),
        onAllServed: () => {
          figures = measured();
        },
        onRotated: () => {},
      },
    );
    if (figures === undefined) throw new Error('the fleet: got some streams without a secret, expected all served');
    return figures;
  });
}

async function play(stage: Stage, agentFlags: readonly string[], fleetFlags: readonly string[]): Promise<Outcome> {
  return withServers(stage, agentFlags, ({ agent, citadel, socket }) =>
    measure({ server: agent, citadel }, [...fleetFlags, '--socket', socket], stage),
  );
}

/** What there is while a scene is played. */
interface Servers {
  readonly agent: WatchedProcess;
  readonly citadel: WatchedProcess;
  readonly socket: string;
}

async function withServers<T>(
  { directory, issuer, hotPath }: Stage,
  agentFlags: readonly string[],
  act: (servers: Servers) => Promise<T>,
): Promise<T> {
  const file = (name: string): string => join(directory, name);
  const socket = file('s');
  await writeFile(file('jwks.json'), issuer.jwks);
  const common = ['--hot-path', hotPath];
  const citadel = await WatchedProcess.start(
    [
      ...['citadel', '--listen', '127.0.0.1:0', '--jwks', file('jwks.json'), '--token-issuer', TOKEN_ISSUER],
      ...['--root-cert-out', file('root.pem'), '--log-level', 'info', ...common],
    ],
    'citadel ready',
  );
  try {
    const { process: agent } = await WatchedProcess.start(
      [
        ...['agent', '--socket', socket, '--ca-address', citadel.address, '--ca-root', file('root.pem')],
        ...[...agentFlags, ...common],
      ],
      'agent ready',
    );
    try {
      return await act({ agent, citadel: citadel.process, socket });
    } finally {
      await agent.stop();
    }
  } finally {
    await citadel.process.stop();
  }
}

/**
 * Plays the fleet against `server`. `onReached` is called when all have a secret, and after each rotation that has come
 * to all.
 */
export async function measure(
  { server, citadel }: { server: Watched; citadel?: Watched },
  fleetArgs: readonly string[],
  { directory, size }: Stage,
  onReached = (): void => {},
): Promise<Outcome> {
  const jsonFile = join(directory, 'fleet.json');
  server.reset();
  citadel?.reset();
  let first: Promise<[ServerFigures, ServerFigures | undefined]> | undefined;
  // Read after each rotation, since what comes after the last one is the end of thousands of connections.
  let rotations: Promise<ServerFigures> | undefined;
  const report = await runFleetProcess(fleetArgs, {
    jsonFile,
    onAllServed: () => {
      first = Promise.all([server.figures(), citadel?.figures()]);
      server.reset();
      onReached();
    },
    onRotated: () => {
      rotations = server.figures();
      onReached();
    },
  });
  const serverAtRotations = await rotations;
  if (first === undefined) throw new Error('the fleet: got some streams without a secret, expected all served');
  const [serverAtFirst, citadelAtFirst] = await first;
  await sleep(size.aftermathMs);
  const { rssMb: rssAfterMb } = await server.figures();
  return { report, serverAtFirst, citadelAtFirst, serverAtRotations, rssAfterMb };
}

/** Of a pod in the namespace `foo`. */
export function token(issuer: TokenIssuer, serviceAccount: string, podUid: string): Promise<string> {
  return issuer.mint({
    ...{ namespace: 'foo', serviceAccount, podName: podUid, podUid },
    ...{ audience: 'istio-ca', ttlSeconds: TOKEN_SECONDS },
  });
}
