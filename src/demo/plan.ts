import { join } from 'node:path';
import { type HostPort, MAX_SOCKET_PATH_BYTES } from '../config/index.js';
import { SpiffeId, TrustDomain } from '../pki/spiffe/index.js';

export const TRUST_DOMAIN = 'cluster.local';

export type DemoTokenSource = 'file' | 'stream';

/** What in Envoy passes the token, where one is passed: see `--token-by`. */
export type TokenBy = 'google_grpc' | 'injector';

/** One pod: an app, its agent and what they have on disk. */
export interface WorkloadPlan {
  /** `sleep.foo`: what requests and messages call it. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly spiffeId: string;
  readonly tokenSource: DemoTokenSource;
  readonly tokenBy: TokenBy;
  readonly directory: string;
  /** Of the agent's status page; undefined where there is none. */
  readonly statusPort: number | undefined;
  readonly socketPath: string;
  readonly tokenDirectory: string;
  readonly tokenFile: string;
  /** What tells the injector of an Envoy where the token is. */
  readonly tokenSecretFile: string;
}

/** One sidecar. Its ports are on loopback. */
export interface SidecarPlan {
  readonly name: string;
  readonly workload: WorkloadPlan;
  readonly adminPort: number;
  /** Where peers call it; the app is behind it. */
  readonly inbound: { readonly port: number; readonly appPort: number; readonly allow: readonly string[] } | undefined;
  /** Where the app calls its peers. */
  readonly outbound: { readonly port: number; readonly upstreams: readonly UpstreamPlan[] } | undefined;
}

export interface UpstreamPlan {
  readonly name: string;
  readonly port: number;
  readonly spiffeId: string;
}

/** Everything that is decided before anything starts. */
export interface DemoPlan {
  readonly citadelPort: number;
  /** Of Citadel's status page. */
  readonly citadelStatusPort: number;
  /** Of the page that leads to all status pages. */
  readonly indexPort: number;
  readonly workloads: readonly WorkloadPlan[];
  readonly sidecars: readonly SidecarPlan[];
  /** The requests of the matrix, in the order in which they are printed. */
  readonly clients: readonly SidecarPlan[];
  readonly servers: readonly SidecarPlan[];
  /** A second sidecar of httpbin.foo that lets only foo/sleep in. */
  readonly restricted: SidecarPlan;
}

/** Ports that {@link planDemo} draws. */
export const PORTS_NEEDED = 21;

/** The namespaces of the story, and how their agents come by the token. */
const NAMESPACES: readonly (readonly [string, DemoTokenSource])[] = [
  ['foo', 'stream'],
  ['bar', 'file'],
];

/** A connection between sidecars lives this long in the demo, so that new certificates are seen in new handshakes. */
const MAX_CONNECTION_AGE = '2s';

export interface PlanOptions {
  /** Whether the Envoys have the injector of tokens; without it, all that pass one do it by Google's client. */
  readonly hasInjector: boolean;
}

/**
 * Lays out the story of four workloads. Pure: `ports` are free ones, at least {@link PORTS_NEEDED}; `directory` is the
 * demo's own.
 */
export function planDemo(directory: string, ports: readonly number[], { hasInjector }: PlanOptions): DemoPlan {
  const free = [...ports];
  const port = (): number => {
    const next = free.shift();
    if (next === undefined) throw new RangeError(`demo plan: got ${ports.length} ports, expected ${PORTS_NEEDED}`);
    return next;
  };
  const account = (serviceAccount: string, tokenBy: TokenBy): WorkloadPlan[] =>
    NAMESPACES.map(([namespace, tokenSource]) =>
      planWorkload(directory, { namespace, serviceAccount, tokenSource, tokenBy, statusPort: port() }),
    );
  const sleeps = account('sleep', 'google_grpc');
  const httpbins = account('httpbin', hasInjector ? 'injector' : 'google_grpc');
  const servers = httpbins.map((workload) => planServer(workload, workload.name, port(), port(), port(), []));
  const [first] = servers;
  const caller = sleeps[0];
  if (first?.inbound === undefined || caller === undefined) throw new RangeError('demo plan: no namespaces');
  const restrictedName = `restricted.${first.workload.namespace}`;
  const restricted = planServer(first.workload, restrictedName, port(), port(), first.inbound.appPort, [
    caller.spiffeId,
  ]);
  const upstreams = [...servers, restricted].map(({ name, workload, inbound }) => ({
    name,
    port: inbound?.port ?? 0,
    spiffeId: workload.spiffeId,
  }));
  const clients = sleeps.map((workload) => ({
    name: workload.name,
    workload,
    adminPort: port(),
    inbound: undefined,
    outbound: { port: port(), upstreams },
  }));
  return {
    citadelPort: port(),
    citadelStatusPort: port(),
    indexPort: port(),
    workloads: [...sleeps, ...httpbins],
    sidecars: [...clients, ...servers, restricted],
    clients,
    servers,
    restricted,
  };
}

/** Why the sockets of a plan cannot be made, for people; `undefined` when they can. Pure. */
export function socketProblem({ workloads }: DemoPlan): string | undefined {
  const [longest = ''] = workloads.map(({ socketPath }) => socketPath).sort((a, b) => bytesOf(b) - bytesOf(a));
  if (bytesOf(longest) <= MAX_SOCKET_PATH_BYTES) return undefined;
  const got = `got ${JSON.stringify(longest)} of ${bytesOf(longest)} bytes, expected at most ${MAX_SOCKET_PATH_BYTES}`;
  return `Unix sockets of the demo: ${got}; set TMPDIR to a shorter directory`;
}

const bytesOf = (path: string): number => Buffer.byteLength(path);

type Pod = Pick<WorkloadPlan, 'namespace' | 'serviceAccount' | 'tokenSource' | 'tokenBy' | 'statusPort'>;

function planWorkload(root: string, pod: Pod): WorkloadPlan {
  const { namespace, serviceAccount } = pod;
  const name = `${serviceAccount}.${namespace}`;
  const directory = join(root, 'workloads', name);
  const tokenDirectory = join(directory, 'tokens');
  return {
    ...pod,
    name,
    spiffeId: SpiffeId.forServiceAccount(TrustDomain.parse(TRUST_DOMAIN), namespace, serviceAccount).toString(),
    directory,
    socketPath: join(directory, 'sds.sock'),
    tokenDirectory,
    tokenFile: join(tokenDirectory, 'istio-token'),
    tokenSecretFile: join(directory, 'sds-token.yaml'),
  };
}

function planServer(
  workload: WorkloadPlan,
  name: string,
  adminPort: number,
  port: number,
  appPort: number,
  allow: readonly string[],
): SidecarPlan {
  return { name, workload, adminPort, inbound: { port, appPort, allow }, outbound: undefined };
}

/** The arguments of `sidecert bootstrap` for this sidecar. */
export function bootstrapArgs({ name, workload, adminPort, inbound, outbound }: SidecarPlan): string[] {
  return [
    ...['--node-id', name, ...identityArgs(workload), ...tokenArgs(workload)],
    ...['--admin', `127.0.0.1:${adminPort}`, '--max-connection-age', MAX_CONNECTION_AGE],
    ...(inbound === undefined
      ? []
      : ['--inbound', `127.0.0.1:${inbound.port}`, '--app', `127.0.0.1:${inbound.appPort}`]),
    ...(inbound?.allow ?? []).flatMap((spiffeId) => ['--allow', spiffeId]),
    ...(outbound === undefined ? [] : ['--outbound', `127.0.0.1:${outbound.port}`]),
    ...(outbound?.upstreams ?? []).flatMap((peer) => [
      '--upstream',
      `${peer.name}=127.0.0.1:${peer.port}=${peer.spiffeId}`,
    ]),
  ];
}

export interface AgentArgs {
  readonly caAddress: HostPort;
  readonly caRootFile: string;
  readonly ttlSeconds: number;
}

/** The arguments of `sidecert agent` for this workload. */
export function agentArgs(workload: WorkloadPlan, { caAddress, caRootFile, ttlSeconds }: AgentArgs): string[] {
  return [
    ...identityArgs(workload),
    ...['--ca-address', `${caAddress.host}:${caAddress.port}`, '--ca-root', caRootFile],
    ...['--ttl', `${ttlSeconds}s`, '--key-type', 'ec-p256', ...statusArgs(workload.statusPort)],
  ];
}

/** The page for people, where there is one. */
export function statusArgs(port: number | undefined): string[] {
  return port === undefined ? [] : ['--status-address', `127.0.0.1:${port}`];
}

/** How Envoy passes the token, where it does. */
function tokenArgs({ tokenSource, tokenBy, tokenSecretFile }: WorkloadPlan): string[] {
  if (tokenSource === 'file') return [];
  return ['--token-by', tokenBy, ...(tokenBy === 'injector' ? ['--token-secret', tokenSecretFile] : [])];
}

/** What agent and Envoy must be told alike. */
function identityArgs(workload: WorkloadPlan): string[] {
  return [
    ...['--socket', workload.socketPath, '--token-source', workload.tokenSource, '--token-file', workload.tokenFile],
    ...[
      '--namespace',
      workload.namespace,
      '--service-account',
      workload.serviceAccount,
      '--trust-domain',
      TRUST_DOMAIN,
    ],
  ];
}
