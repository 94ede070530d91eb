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
  const { directory, issuer, size } = stage;
  const tokens = join(directory, 'tokens');
  await mkdir(tokens, { mode: 0o700 });
  for (let pod = 0; pod < size.identities; pod += 1) {
    const text = await token(issuer, `account-${pod}`, `pod-${pod}`);
    await writeFile(join(tokens, `${pod}`.padStart(5, '0')), text, { mode: 0o600 });
  }
  const agentFlags = ['--mode', 'node', '--ttl', LONG_TTL];
  const fleetFlags = [
    ...['--envoys', `${size.identities}`, '--rotations', '0'],
    ...['--first-request-bytes', '1000', '--tokens', tokens],
  ];
  return play(stage, agentFlags, fleetFlags);
}

async function play(stage: Stage, agentFlags: readonly string[], fleetFlags: readonly string[]): Promise<Outcome> {
  const { directory, hotPath } = stage;
  const file = (name: string): string => join(directory, name);
  const socket = file('s');
  await writeFile(file('jwks.json'), stage.issuer.jwks);
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
      return await measure({ server: agent, citadel: citadel.process }, [...fleetFlags, '--socket', socket], stage);
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

function token(issuer: TokenIssuer, serviceAccount: string, podUid: string): Promise<string> {
  return issuer.mint({
    ...{ namespace: 'foo', serviceAccount, podName: podUid, podUid },
    ...{ audience: 'istio-ca', ttlSeconds: TOKEN_SECONDS },
  });
}
