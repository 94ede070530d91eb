import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { parse } from 'yaml';
import { until } from '../../src/demo/polling.js';
import { SIDECERT } from './mesh.js';
import { PATIENCE_MS } from './patience.js';
import { shortDir } from './short-dir.js';
import { TokenIssuer } from './test-tokens.js';
import { Written } from './written.js';

/** The node's own address, at which Citadel is. */
const NODE_IP = '10.77.0.1';

/** What stands between the calls of a Service and its pod. */
const SERVICE_RULES = 'table ip services { chain calls { type nat hook prerouting priority -100; }; }';

/** What an injected container needs to be run here. */
export interface RunContainer {
  readonly name: string;
  readonly lifecycle?: { readonly preStop?: { readonly exec?: { readonly command: readonly string[] } } };
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly securityContext?: { readonly runAsUser?: number };
}

export interface PodAddresses {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Why this machine cannot play a node with pods; `false` where it can. */
export function withoutPods(): string | false {
  const tools = ['curl', 'iptables', 'ip6tables'].map(
    (tool) => `command -v ${tool} >/dev/null || { echo no ${tool} >&2; exit 1; }`,
  );
  const script = `${tools.join('; ')}; mount -t tmpfs tmpfs /run; ip link set lo up; nft add table inet probe`;
  const { status, stderr, error } = spawnSync(
    'unshare',
    ['--net', '--mount', '--propagation', 'private', 'sh', '-ec', script],
    { encoding: 'utf8' },
  );
  if (status !== 0)
    return `no namespaces of network and files, or no ip, nft, iptables and curl: ${error?.message ?? stderr.trim()}`;
  const asSidecar = spawnSync('setpriv', [...AS_SIDECAR, process.execPath, '--check', SIDECERT[1] ?? ''], {
    encoding: 'utf8',
  });
  return (
    asSidecar.status !== 0 && `user 1337 cannot run Node.js: ${asSidecar.error?.message ?? asSidecar.stderr.trim()}`
  );
}

/** The kernel ends a process that is started so when the test is killed. (prctl(2), PR_SET_PDEATHSIG) */
const ENDING_WITH_TEST = ['setpriv', '--pdeathsig', 'KILL'];

const AS_SIDECAR = ['--reuid', '1337', '--regid', '1337', '--clear-groups'];

const exec = promisify(execFile);

/**
 * A node with pods, each in namespaces of its own for network and files, which runs the containers of injected
 * manifests as the kubelet would: with their arguments, as their user. Nothing of it is seen outside, and it ends with
 * the test.
 */
export class PodNetwork {
  readonly issuer = new TokenIssuer();
  private readonly directory: string;
  private pods = 0;

  static async start(t: Test): Promise<PodNetwork> {
    const node = await startNamespace(t, 'ip link set lo up');
    const network = new PodNetwork(t, node);
    await network.run([
      'sh',
      '-ec',
      `ip addr add ${NODE_IP}/32 dev lo; echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; nft '${SERVICE_RULES}'`,
    ]);
    await network.startCitadel();
    return network;
  }

  private constructor(
    private readonly t: Test,
    private readonly node: number,
  ) {
    this.directory = shortDir(t);
  }

  get rootFile(): string {
    return join(this.directory, 'root-cert.pem');
  }

  /** The flags that injected agents need to find Citadel. */
  readonly caFlags = ['--ca-address', `${NODE_IP}:15012`, '--ca-server-name', 'istiod.istio-system.svc'];

  private async startCitadel(): Promise<void> {
    const jwks = join(this.directory, 'jwks.json');
    writeFileSync(jwks, JSON.stringify(this.issuer.jwks));
    const flags = [
      'citadel',
      '--ca-dir',
      join(this.directory, 'ca'),
      '--jwks',
      jwks,
      '--token-issuer',
      this.issuer.issuer,
    ];
    mkdirSync(join(this.directory, 'ca'), { mode: 0o700 });
    const [program = '', ...leading] = SIDECERT;
    const all = [...leading, ...flags, '--listen', `${NODE_IP}:15012`, '--root-cert-out', this.rootFile];
    const command = [...ENDING_WITH_TEST, program, ...all];
    const child = spawn('nsenter', [...entering(this.node), ...command], { stdio: 'ignore' });
    this.t.teardown(() => child.kill('SIGKILL'));
    await until('Citadel', AbortSignal.timeout(PATIENCE_MS), async () => {
      const { stdout } = await exec('cat', [this.rootFile]);
      return stdout.includes('END CERTIFICATE') || undefined;
    });
  }

  /** The directory in which the agent of the node has its socket, once it is started. */
  private nodeSocketDirectory: string | undefined;

  /** Starts an agent for all pods; those that are made from now on have its socket in place of one of their own. */
  async startNodeAgent(): Promise<void> {
    const directory = join(this.directory, 'node');
    mkdirSync(directory);
    chmodSync(this.directory, 0o711);
    chownSync(directory, 1337, 1337);
    const socket = `--socket=${directory}/socket`;
    const flags = ['agent', '--mode=node', socket, '--ca-root', this.rootFile, ...this.caFlags];
    const command = ['setpriv', ...AS_SIDECAR, ...ENDING_WITH_TEST, ...SIDECERT, ...flags];
    const child = spawn('nsenter', [...entering(this.node), ...command], { stdio: 'ignore' });
    this.t.teardown(() => child.kill('SIGKILL'));
    this.nodeSocketDirectory = directory;
  }

  /** Runs a command as the node: a kubelet's probe, a call from outside the mesh. */
  async run(command: readonly string[]): Promise<string> {
    const { stdout } = await exec('nsenter', [...entering(this.node), ...command]);
    return stdout;
  }

  /** What curl says of a URL, seen from the node: the HTTP status, 000 for none. */
  status(url: string, ...flags: readonly string[]): Promise<string> {
    return curlStatus(this.node, url, flags);
  }

  /** A pod of this service account, with its token and the roots; containers are started one by one. */
  async pod(namespace: string, serviceAccount: string, hosts = ''): Promise<RunningPod> {
    this.pods += 1;
    const addresses = { ipv4: `10.77.${this.pods}.2`, ipv6: `fd77:${this.pods}::2` };
    const files = join(this.directory, `pod-${this.pods}`);
    mkdirSync(files);
    writeFileSync(join(files, 'istio-token'), await this.issuer.sign(this.issuer.claims(namespace, serviceAccount)));
    writeFileSync(join(files, 'hosts'), `127.0.0.1 localhost\n::1 localhost\n${hosts}`);
    const secrets = '/run/secrets';
    const pid = await startNamespace(
      this.t,
      [
        'mount -t tmpfs tmpfs /run',
        `mkdir -p ${secrets}/workload-spiffe-uds ${secrets}/tokens ${secrets}/istio`,
        `chmod 0777 ${secrets}/workload-spiffe-uds`,
        `cp '${files}/istio-token' ${secrets}/tokens/`,
        `cp '${this.rootFile}' ${secrets}/istio/`,
        `mount --bind '${files}/hosts' /etc/hosts`,
        ...(this.nodeSocketDirectory === undefined
          ? []
          : [`mount --bind '${this.nodeSocketDirectory}' ${secrets}/workload-spiffe-uds`]),
        'ip link set lo up',
      ].join('; '),
    );
    const link = `pod${this.pods}`;
    await this.run(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
    const gateway = { ipv4: `10.77.${this.pods}.1`, ipv6: `fd77:${this.pods}::1` };
    await this.run([
      'sh',
      '-ec',
      `ip link set ${link} up; ip addr add ${gateway.ipv4}/24 dev ${link}; ip -6 addr add ${gateway.ipv6}/64 dev ${link} nodad`,
    ]);
    const pod = new RunningPod(this.t, pid, { addresses, namespace, serviceAccount });
    await pod.exec([
      'sh',
      '-ec',
      `ip link set eth0 up; ip addr add ${addresses.ipv4}/24 dev eth0; ip -6 addr add ${addresses.ipv6}/64 dev eth0 nodad; ip route add default via ${gateway.ipv4}; ip -6 route add default via ${gateway.ipv6}`,
    ]);
    return pod;
  }

  /** Gives a pod's port a port of a Service. */
  async service(clusterIp: string, port: number, pod: RunningPod, targetPort: number): Promise<void> {
    const rule = `ip daddr ${clusterIp} tcp dport ${port} dnat to ${pod.addresses.ipv4}:${targetPort}`;
    await this.run(['nft', `add rule ip services calls ${rule}`]);
  }
}

/** A pod that runs. */
export class RunningPod {
  constructor(
    private readonly t: Test,
    private readonly pid: number,
    private readonly names: {
      readonly addresses: PodAddresses;
      readonly namespace: string;
      readonly serviceAccount: string;
    },
  ) {}

  get addresses(): PodAddresses {
    return this.names.addresses;
  }

  /** Runs a command of the application's, to its end. */
  async exec(command: readonly string[]): Promise<string> {
    const { stdout } = await exec('nsenter', [...entering(this.pid), ...command]);
    return stdout;
  }

  /** What curl says of a URL, seen from the application: the HTTP status, 000 for none. */
  status(url: string, ...flags: readonly string[]): Promise<string> {
    return curlStatus(this.pid, url, flags);
  }

  /** Starts a program of the application's, which runs until the test ends. */
  start(program: string, args: readonly string[]): ChildProcess {
    return this.spawn([program, ...args]);
  }

  /** Runs the containers of an injected manifest that come before the application; the last ones go on running. */
  async startSidecars(manifest: string, envoy: string): Promise<void> {
    for (const container of containersOf(manifest)) {
      const args = (container.args ?? []).map((arg) => this.expanded(arg));
      if (container.name === 'sidecert-capture') await this.exec([...(container.command ?? []), ...args]);
      if (container.name === 'sidecert-agent') this.spawn([...SIDECERT, ...args], container);
      if (container.name === 'istio-proxy') this.spawn([envoy, ...args], container);
    }
  }

  /** Does what the kubelet does first when a pod is to end: it runs the hooks of the sidecars. */
  async stopHooks(manifest: string): Promise<void> {
    const sidecars = containersOf(manifest).filter(({ name }) => name === 'sidecert-agent' || name === 'istio-proxy');
    for (const { lifecycle } of sidecars) {
      const command = lifecycle?.preStop?.exec?.command ?? [];
      // The program of the image of the agent.
      const known = command[0] === '/usr/local/bin/node' ? [process.execPath, ...command.slice(1)] : command;
      if (known.length > 0) await this.exec(known);
    }
  }

  /** `$(NAME)` as the kubelet replaces it, and `$$` by a dollar. */
  private expanded(text: string): string {
    const { addresses, namespace, serviceAccount } = this.names;
    const values: Readonly<Record<string, string>> = {
      POD_IP: addresses.ipv4,
      POD_NAME: `${serviceAccount}-0`,
      POD_NAMESPACE: namespace,
      SERVICE_ACCOUNT: serviceAccount,
    };
    return text.replace(/\$\$|\$\((\w+)\)/g, (found, name) => (found === '$$' ? '$' : (values[name] ?? found)));
  }

  private spawn(command: readonly string[], container?: RunContainer): ChildProcess {
    const user = container?.securityContext?.runAsUser;
    const as = user === undefined ? [] : ['setpriv', ...AS_SIDECAR];
    const child = spawn('nsenter', [...entering(this.pid), ...as, ...ENDING_WITH_TEST, ...command], {
      stdio: ['ignore', 'ignore', process.env.SHOW_PODS === '1' ? 'inherit' : 'ignore'],
      cwd: '/',
    });
    this.t.teardown(() => child.kill('SIGKILL'));
    return child;
  }
}

function containersOf(manifest: string): RunContainer[] {
  const { spec } = parse(manifest).spec.template;
  return [...(spec.initContainers ?? []), ...spec.containers];
}

async function curlStatus(pid: number, url: string, flags: readonly string[]): Promise<string> {
  const args = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '5', ...flags, url];
  const result = await exec('nsenter', [...entering(pid), 'curl', ...args]).catch(({ stdout }: { stdout: string }) => ({
    stdout,
  }));
  return result.stdout;
}

function entering(pid: number): string[] {
  return ['--target', String(pid), '--net', '--mount'];
}

/**
 * Resolves with the process that holds new namespaces, once `script` has run in them. It reads what
 * never comes, so that
 * it ends with the test even if that is killed.
 */
async function startNamespace(t: Test, script: string): Promise<number> {
  const child = spawn(
    'unshare',
    ['--net', '--mount', '--propagation', 'private', 'sh', '-ec', `${script}; echo ready; exec cat`],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  t.teardown(() => child.kill('SIGKILL'));
  await new Written(child.stdout, 'the name space').line('');
  if (child.pid === undefined) throw new Error('unshare did not start');
  return child.pid;
}
