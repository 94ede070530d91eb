/**
 * app: the composition roots. Each builds its graph of rooms, starts it, and stops it in reverse order. Every part is
 * loaded when it is first started: an agent never loads the CA, and neither loads the YAML of a bootstrap.
 */
import type {
  AgentConfig,
  BootstrapConfig,
  CitadelConfig,
  HealthConfig,
  InjectorConfig,
  InjectSettings,
  PolicyCheckConfig,
  PolicyTestConfig,
  RootStatusConfig,
  VersionConfig,
} from '../config/index.js';
import { IdentityError } from '../errors/index.js';
import type { ClusterEnvironment } from '../kubernetes/api/index.js';
import type { KubeInjectResult } from '../kubernetes/inject/index.js';
import type { OpenedRoot } from './citadel/open-root.js';
import type { PolicyCheck, PolicyTest } from './citadel/policy-report.js';
import type { CitadelFacts } from './citadel/root-judgement.js';
import type { AppContext, RunningApp } from './running-app.js';
import { VERSION } from './version.js';

export type { KubeInjectResult } from '../kubernetes/inject/index.js';
export type { OpenedRoot } from './citadel/open-root.js';
export type { CitadelFacts, RootState, Witnesses } from './citadel/root-judgement.js';
export type { AppContext, RunningApp } from './running-app.js';
export { Teardown } from './running-app.js';
export { VERSION } from './version.js';

/**
 * Starts an agent; resolves when its socket takes connections.
 * @throws IdentityError `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
 */
export async function startAgent(config: AgentConfig, context: AppContext): Promise<RunningApp> {
  const agent = await import('./agent/start-agent.js');
  return agent.startAgent(config, context);
}

/**
 * Starts a Citadel; resolves when it takes connections.
 * @throws IdentityError `ERR_SIGNER_INVALID`, `ERR_BUNDLE_INVALID`, `ERR_JWKS_INVALID`, `ERR_LISTEN_FAILED`; with
 *   `--ca-key` `ERR_CA_KEY_UNAVAILABLE`, with `--kubernetes` the codes `ERR_KUBERNETES_*`.
 */
export async function startCitadel(config: CitadelConfig, context: AppContext): Promise<RunningApp> {
  const citadel = await import('./citadel/start-citadel.js');
  return citadel.startCitadel(config, context);
}

/**
 * Starts an injector; resolves when it takes connections. It serves as soon as the CA has given it a certificate.
 * @throws IdentityError `ERR_LISTEN_FAILED`, `ERR_KUBERNETES_CONFIG_INVALID`.
 */
export async function startInjector(config: InjectorConfig, context: AppContext): Promise<RunningApp> {
  const injector = await import('./injector/start-injector.js');
  return injector.startInjector(config, context);
}

/** The text of an Envoy bootstrap (YAML). */
export async function renderBootstrap(config: BootstrapConfig): Promise<string> {
  const bootstrap = await import('../envoy-bootstrap/index.js');
  return bootstrap.renderBootstrap(config);
}

/** The manifests of a file with agent and Envoy in each pod; without `settings`, with neither. */
export async function injectManifests(
  name: string,
  text: string,
  settings: InjectSettings | undefined,
): Promise<KubeInjectResult> {
  const { kubeInject } = await import('../kubernetes/inject/index.js');
  const action =
    settings === undefined ? { kind: 'uninject' as const } : { kind: 'inject' as const, settings, version: VERSION };
  return kubeInject(name, text, action);
}

/**
 * Asks an agent or a Citadel whether it is serving. `detail` says what came back, for people.
 */
export async function checkHealth(config: HealthConfig): Promise<{ isServing: boolean; detail: string }> {
  const health = await import('./health/check-health.js');
  return health.checkHealth(config);
}

/**
 * The authority that a command is about. `citadels` are those that use a directory.
 * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`.
 */
export async function openRoot(
  config: Pick<RootStatusConfig, 'directory' | 'kubeconfig' | 'namespace'>,
  citadels: readonly CitadelFacts[],
  environment: ClusterEnvironment,
): Promise<OpenedRoot> {
  const root = await import('./citadel/open-root.js');
  return root.openRoot(config, citadels, environment);
}

/** All that is wrong with the policy file of a Citadel. */
export async function checkPolicyFile(config: PolicyCheckConfig): Promise<PolicyCheck> {
  const report = await import('./citadel/policy-report.js');
  return report.checkPolicyFile(config);
}

/** What the holder of a token would get by a policy file, at `nowMs` (epoch milliseconds). */
export async function testPolicyFile(config: PolicyTestConfig, token: Buffer, nowMs: number): Promise<PolicyTest> {
  const report = await import('./citadel/policy-report.js');
  return report.testPolicyFile(config, token, nowMs);
}

/** Who would do the cryptography here, and why: `native`, `js: REASON`, or `none: REASON` where nothing would start. */
export async function describeHotPath({ hotPath }: VersionConfig): Promise<string> {
  const { chooseHotPath } = await import('../hotpath/index.js');
  try {
    const { kind, reason } = chooseHotPath(hotPath);
    return kind === 'native' ? kind : `${kind}: ${reason}`;
  } catch (error) {
    return `none: ${error instanceof IdentityError ? error.message : String(error)}`;
  }
}
