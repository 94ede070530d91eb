import { errorCodeOf, messageOf } from '../errors/index.js';
import {
  ApiClient,
  type ClusterEnvironment,
  CONFIG_MAPS,
  findAccess,
  listSecretNames,
  PODS,
  type RunningPod,
  readPodPage,
  readSecret,
} from '../kubernetes/api/index.js';
import { TrustBundle } from '../pki/spiffe/index.js';
import { silentLogger } from '../telemetry/index.js';
import { parseBoundedJson } from '../text/index.js';
import { systemClock } from '../timers/index.js';
import { type AgentMember, isAgent, type Member, memberOf, type Step } from './member.js';
import type { MigrationSet, Refusal } from './migration-set.js';

/** The names that an injection gives them. (kubernetes/inject) */
const AGENT_CONTAINER = 'sidecert-agent';
const IDENTITY_VOLUME = 'sidecert-identity';
const STATUS_PORT = 15_020;
const STEP_ANNOTATION = 'sidecert.dev/migration-step';

/** The type of the Secrets with key and certificate that Istio made until 1.5. */
export const ISTIO_SECRET = 'istio.io/key-and-cert';

/** Keys under which a Secret has its roots: Istio's, and that of cert-manager. */
const ROOT_KEYS = ['root-cert.pem', 'ca.crt'];

/** As `sidecert status` bounds it. */
const BOUNDS = { maxDepth: 16, maxParts: 200_000 };

/** Pods that are asked at a time, all through one API server. */
const ASKED_AT_ONCE = 16;

/** (Kubernetes API, "fieldManager") */
const FIELD_MANAGER = 'sidecert-migrate';

export interface ClusterAgentsOptions {
  readonly client: ApiClient;
  readonly namespaces: readonly string[];
  readonly selector: string | undefined;
  /** In which the agents read their step. */
  readonly configMap: string;
}

/** @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`. */
export async function openCluster(
  kubeconfig: string | undefined,
  environment: ClusterEnvironment,
  { version }: { readonly version: string },
): Promise<ApiClient> {
  const access = await findAccess(kubeconfig, environment);
  const ofClient = { fieldManager: FIELD_MANAGER, userAgent: `sidecert/${version}`, random: Math.random };
  return new ApiClient({ access, ...ofClient, clock: systemClock, now: Date.now, logger: silentLogger });
}

/** Agents of the pods of some namespaces. Their step is in a ConfigMap of each. */
export class ClusterAgents implements MigrationSet {
  constructor(private readonly options: ClusterAgentsOptions) {}

  async members(): Promise<readonly Member[]> {
    const all = await Promise.all(this.options.namespaces.map((namespace) => this.membersOf(namespace)));
    return all.flat();
  }

  async take(step: Step, movers: readonly AgentMember[]): Promise<readonly Refusal[]> {
    const { client, configMap, namespaces } = this.options;
    const refusals: Refusal[] = [];
    for (const namespace of namespaces) {
      const own = movers.filter(({ name }) => name.startsWith(`${namespace}/`));
      if (own.length === 0) continue;
      try {
        await client.patch('apply', CONFIG_MAPS, { namespace, name: configMap }, { data: { step: `${step}\n` } });
        await forEachAtOnce(own, ({ name }) => this.hurry(namespace, name.slice(namespace.length + 1), step));
      } catch (error) {
        refusals.push(...own.map(({ name }) => ({ name, reason: messageOf(error) })));
      }
    }
    return refusals;
  }

  /** The kubelet brings a ConfigMap within a minute, and at once to a pod that has changed. */
  private async hurry(namespace: string, name: string, step: Step): Promise<void> {
    const metadata = { annotations: { [STEP_ANNOTATION]: step } };
    await this.options.client.patch('merge', PODS, { namespace, name }, { metadata }).catch(() => {});
  }

  private async membersOf(namespace: string): Promise<readonly Member[]> {
    const { client, selector: labelSelector, configMap } = this.options;
    const pods = (await client.list(PODS, { namespace })).items.filter(isRunning);
    const isSelected = await this.selected(namespace, pods, labelSelector);
    const agents = pods.filter(hasAgent);
    const secrets = new Set([
      ...(await listSecretNames(client, { namespace, type: ISTIO_SECRET })),
      ...agents.flatMap((pod) => pod.secrets.flatMap(({ name, volume }) => (volume === IDENTITY_VOLUME ? [name] : []))),
    ]);
    const readers = pods.filter((pod) => !hasAgent(pod) && pod.secrets.some(({ name }) => secrets.has(name)));
    const followers = agents.filter((pod) => !isSelected(pod) && pod.configMaps.includes(configMap));
    const asked = agents.filter((pod) => !followers.includes(pod));
    return [
      ...(await forEachAtOnce(asked, (pod) => this.agent(pod, isSelected(pod)))).flat(),
      ...(await forEachAtOnce(readers, (pod) => this.reader(pod, secrets))),
      ...followers.map((pod): Member => {
        const reason = `it reads the same ConfigMap ${configMap}, and --selector ${labelSelector} leaves it out`;
        return { kind: 'unknown', name: nameOf(pod), reason };
      }),
    ];
  }

  private async selected(
    namespace: string,
    pods: readonly RunningPod[],
    labelSelector: string | undefined,
  ): Promise<(pod: RunningPod) => boolean> {
    if (labelSelector === undefined) return () => true;
    const { items } = await this.options.client.list(PODS, { namespace, labelSelector });
    const names = new Set(items.map(({ metadata }) => metadata.name));
    return (pod) => pods.includes(pod) && names.has(pod.metadata.name);
  }

  /** One that is not selected, or follows another ConfigMap, does not move. */
  private async agent(pod: RunningPod, isSelected: boolean): Promise<readonly Member[]> {
    const { name, namespace, isTerminating } = pod.metadata;
    try {
      const page = await readPodPage(this.options.client, { namespace, name, port: STATUS_PORT, path: '/status' });
      const member = memberOf(nameOf(pod), parseBoundedJson(page, BOUNDS));
      if (!isAgent(member)) return [member];
      const isElsewhere = member.state.stepFile !== undefined && !pod.configMaps.includes(this.options.configMap);
      return [{ ...member, isPeer: !isSelected || isElsewhere }];
    } catch (error) {
      // Its agent has ended; its Envoy goes on with what it has.
      if (isTerminating || errorCodeOf(error) === 'ERR_KUBERNETES_NOT_FOUND') return [];
      return [{ kind: 'unknown', name: nameOf(pod), reason: `its agent gives no answer: ${messageOf(error)}` }];
    }
  }

  private async reader(pod: RunningPod, secrets: ReadonlySet<string>): Promise<Member> {
    const { namespace } = pod.metadata;
    const names = pod.secrets.map(({ name }) => name).filter((name) => secrets.has(name));
    const roots = await Promise.all(names.map((name) => this.rootsOf(namespace, name)));
    // What each of its files trusts: one that lacks a root is enough to be refused by.
    const common = roots.reduce((one, other) => one && other?.filter((root) => one.includes(root)));
    return { kind: 'file-reader', name: nameOf(pod), roots: common };
  }

  private async rootsOf(namespace: string, name: string): Promise<readonly string[] | undefined> {
    try {
      const data = await readSecret(this.options.client, { namespace, name });
      try {
        const pem = ROOT_KEYS.map((key) => data.get(key)).find((content) => content !== undefined);
        return pem && TrustBundle.parsePem(Buffer.from(pem)).fingerprints();
      } finally {
        for (const content of data.values()) content.fill(0);
      }
    } catch {
      return undefined;
    }
  }
}

function isRunning({ phase }: RunningPod): boolean {
  return phase !== 'Succeeded' && phase !== 'Failed';
}

function hasAgent({ containers }: RunningPod): boolean {
  return containers.includes(AGENT_CONTAINER);
}

function nameOf({ metadata }: RunningPod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

async function forEachAtOnce<T, R>(values: readonly T[], act: (value: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < values.length; at += ASKED_AT_ONCE) {
    results.push(...(await Promise.all(values.slice(at, at + ASKED_AT_ONCE).map(act))));
  }
  return results;
}
