/**
 * config: what can be set, in one schema per command: read from flags, environment and a JSON file, validated in one
 * pass, frozen. Help texts and the configuration reference are made from the same schema.
 */
export {
  AGENT_OPTIONS,
  type AgentConfig,
  type IssuedWorkloads,
  type MigratingWorkload,
  type MountedWorkload,
  type ServedWorkloads,
  servedWorkloads,
} from './agent-options.js';
export { ANNOTATION_PREFIX, annotationsReference } from './annotations-reference.js';
export { BOOTSTRAP_OPTIONS, type BootstrapConfig, type Upstream } from './bootstrap-options.js';
export { type ConfiguredCa, configuredCas } from './ca-options.js';
export { CITADEL_OPTIONS, type CitadelConfig } from './citadel-options.js';
export { commandHelp } from './command-help.js';
export type { CommandSpec } from './command-spec.js';
export { COMMANDS, type CommandName } from './commands.js';
export type { CompletionConfig } from './completion-options.js';
export { DEMO_OPTIONS, type DemoConfig } from './demo-options.js';
export { DOCTOR_OPTIONS, type DoctorConfig } from './doctor-options.js';
export type { ExplainConfig } from './explain-options.js';
export { type FakeEnvoyFault, FLEET_OPTIONS, type FleetConfig } from './fleet-options.js';
export { HEALTH_COMMAND } from './health-command.js';
export { HEALTH_OPTIONS, type HealthConfig } from './health-options.js';
export type { MeshUpstream, PortMatch, Quantities } from './inject-kinds.js';
export { INJECT_OPTIONS, type InjectSettings } from './inject-options.js';
export { injectProblems } from './inject-problems.js';
export { INJECTOR_OPTIONS, type InjectorConfig } from './injector-options.js';
export { type IstioCommandLine, istioCommandLine } from './istio-arguments.js';
export { ISTIO_VARIABLES } from './istio-variables.js';
export type { AccountName, HostPort, NamedFile, SanMatcher, TokenIssuerOption } from './kinds.js';
export { KUBE_INJECT_OPTIONS, type KubeInjectConfig } from './kube-inject-options.js';
export type { LoadCaConfig } from './load-ca-options.js';
export type { LogLevelConfig } from './log-level-options.js';
export { manPages } from './man-page.js';
export type { MigrateConfig } from './migrate-options.js';
export { type ConfigOf, configKey, environmentName, type OptionSpec, type Schema } from './option.js';
export type { FileOwner, OutputConfig, RotationTarget } from './output-options.js';
export { overview } from './overview.js';
export {
  POLICY_CHECK_OPTIONS,
  POLICY_TEST_OPTIONS,
  type PolicyCheckConfig,
  type PolicyTestConfig,
} from './policy-options.js';
export { type ConfigProblem, type ConfigResult, type ConfigSources, readConfig } from './read-config.js';
export { configurationReference } from './reference.js';
export type { RevokeConfig } from './revoke-options.js';
export type { RootHistoryConfig, RootStageConfig, RootStatusConfig, RootStepConfig } from './root-options.js';
export type { SecretHeader } from './secret-header.js';
export { type FederatedEndpoint, federatedEndpoints } from './secret-options.js';
export { shellCompletion } from './shell-completion.js';
export { MAX_SOCKET_PATH_BYTES } from './socket-path.js';
export type { StatusAddressOption } from './status-address.js';
export { STATUS_OPTIONS, type StatusConfig } from './status-options.js';
export type { TraceConfig } from './trace-options.js';
export type { CertsListConfig, CertsShowConfig, TrailVerifyConfig } from './trail-options.js';
export { VERSION_OPTIONS, type VersionConfig } from './version-options.js';
