import { join } from 'node:path';
import { AGENT_OPTIONS, type AgentConfig } from './agent-options.js';
import { BOOTSTRAP_OPTIONS } from './bootstrap-options.js';
import { bootstrapProblems } from './bootstrap-problems.js';
import { caProblems } from './ca-options.js';
import { CITADEL_OPTIONS, type CitadelConfig } from './citadel-options.js';
import type { CommandSpec } from './command-spec.js';
import { COMPLETION_OPTIONS } from './completion-options.js';
import { DEMO_OPTIONS } from './demo-options.js';
import { DOCTOR_OPTIONS, type DoctorConfig } from './doctor-options.js';
import { EXPLAIN_OPTIONS } from './explain-options.js';
import { FLEET_OPTIONS, type FleetConfig } from './fleet-options.js';
import { HEALTH_COMMAND } from './health-command.js';
import {
  AGENT_HEADINGS,
  BOOTSTRAP_HEADINGS,
  CITADEL_HEADINGS,
  DOCTOR_HEADINGS,
  FLEET_HEADINGS,
  INJECTOR_HEADINGS,
  KUBE_INJECT_HEADINGS,
  LOAD_CA_HEADINGS,
} from './help-headings.js';
import { injectProblems } from './inject-problems.js';
import { INJECTOR_OPTIONS, type InjectorConfig } from './injector-options.js';
import { ISTIO_VARIABLES } from './istio-variables.js';
import type { FileFacts } from './kinds.js';
import { KUBE_INJECT_OPTIONS, type KubeInjectConfig } from './kube-inject-options.js';
import { LOAD_CA_OPTIONS, loadCaProblems } from './load-ca-options.js';
import { LOG_LEVEL_OPTIONS } from './log-level-options.js';
import { MIGRATE_OPTIONS, migrateProblems } from './migrate-options.js';
import { OTEL_VARIABLES } from './otel-variables.js';
import { outageProblems } from './outage-problems.js';
import { outputProblems } from './output-problems.js';
import { POLICY_CHECK_OPTIONS, POLICY_TEST_OPTIONS } from './policy-options.js';
import { REVOKE_OPTIONS, revokeProblems } from './revoke-options.js';
import {
  ROOT_HISTORY_OPTIONS,
  ROOT_STAGE_OPTIONS,
  ROOT_STATUS_OPTIONS,
  ROOT_STEP_OPTIONS,
  rootProblems,
} from './root-options.js';
import { secretProblems } from './secret-problems.js';
import { STATUS_OPTIONS } from './status-options.js';
import { tokenCheckProblems } from './token-check-problems.js';
import { CERTS_LIST_OPTIONS, CERTS_SHOW_OPTIONS, type CertsListConfig, TRAIL_VERIFY_OPTIONS } from './trail-options.js';
import { VERSION_OPTIONS } from './version-options.js';

/** All commands that take settings, in the order of the help. */
export const COMMANDS = {
  agent: {
    summary: 'serve a workload, or the pods of a node, their identity: the SDS server that Envoy asks',
    purpose: 'Run',
    schema: AGENT_OPTIONS,
    headings: AGENT_HEADINGS,
    example:
      'sidecert agent --socket ./sds.sock --ca-address localhost:15012 --ca-root root-cert.pem --token-file token --namespace foo --service-account sleep',
    foreign: [...ISTIO_VARIABLES, ...OTEL_VARIABLES],
    check: checkAgent,
  },
  citadel: {
    summary: 'be the CA: verify service-account tokens and issue certificates',
    purpose: 'Run',
    schema: CITADEL_OPTIONS,
    headings: CITADEL_HEADINGS,
    example:
      'sidecert citadel --ca-dir ./ca --jwks jwks.json --token-issuer https://kubernetes.default.svc.cluster.local',
    foreign: OTEL_VARIABLES,
    check: checkCitadel,
  },
  bootstrap: {
    summary: 'print an Envoy bootstrap (YAML) for a workload behind an agent',
    purpose: 'Set up',
    schema: BOOTSTRAP_OPTIONS,
    headings: BOOTSTRAP_HEADINGS,
    example:
      'sidecert bootstrap --socket ./sds.sock --namespace foo --service-account httpbin --inbound 0.0.0.0:15006 --app 127.0.0.1:8080',
    check: bootstrapProblems,
  },
  'kube-inject': {
    summary: 'give the pods of Kubernetes manifests an agent and an Envoy',
    purpose: 'Set up',
    schema: KUBE_INJECT_OPTIONS,
    headings: KUBE_INJECT_HEADINGS,
    example: 'sidecert kube-inject -f samples/httpbin/httpbin.yaml | kubectl apply -n foo -f -',
    check: (config: KubeInjectConfig) => injectProblems(config),
  },
  injector: {
    summary: 'do so as pods are made: the webhook that the API server of Kubernetes asks',
    purpose: 'Run',
    schema: INJECTOR_OPTIONS,
    headings: INJECTOR_HEADINGS,
    example:
      'sidecert injector --ca-address istiod.istio-system.svc:15012 --namespace istio-system --service-account sidecert-injector --webhook-config sidecert-injector',
    check: checkInjector,
  },
  demo: {
    summary: 'play the whole way on this machine: Citadel, agents, Envoys, mutual TLS and rotation',
    purpose: 'Try and measure',
    schema: DEMO_OPTIONS,
    example: 'sidecert demo --once',
  },
  fleet: {
    summary: 'load an SDS server with thousands of fake Envoys, check what they get, and report',
    purpose: 'Try and measure',
    schema: FLEET_OPTIONS,
    headings: FLEET_HEADINGS,
    example: 'sidecert fleet --socket ./sds.sock --envoys 5000 --rotations 3 --html fleet.html',
    alternatives: [['tokens', 'token-file']],
    check: checkFleet,
  },
  'load-ca': {
    summary: 'load a CA with requests for certificates, check what it answers, and report',
    purpose: 'Try and measure',
    schema: LOAD_CA_OPTIONS,
    headings: LOAD_CA_HEADINGS,
    example:
      'sidecert load-ca --ca-address localhost:15012 --ca-root root-cert.pem --token-file token --concurrency 64 --html load-ca.html',
    alternatives: [['tokens', 'token-file']],
    check: loadCaProblems,
  },
  health: HEALTH_COMMAND,
  doctor: {
    summary: 'try each step of the way of a workload to its certificate, and say what is wrong and what to do',
    purpose: 'Look into it',
    schema: DOCTOR_OPTIONS,
    headings: DOCTOR_HEADINGS,
    example:
      'sidecert doctor --socket ./sds.sock --ca-address localhost:15012 --ca-root root-cert.pem --token-file token --namespace foo --service-account sleep',
    foreign: [...ISTIO_VARIABLES, ...OTEL_VARIABLES],
    // Files that are missing are among what it is to find.
    check: (config: DoctorConfig) => checkAgent(config, { whyUnreadable: () => undefined }),
  },
  status: {
    summary: 'show how a running agent, Citadel or injector stands: exit code 0 when all that it serves is valid',
    purpose: 'Look into it',
    schema: STATUS_OPTIONS,
    example: 'sidecert status --status-address 127.0.0.1:15020',
  },
  'policy check': {
    summary: 'check the policy file of a Citadel: exit code 0 when it is good, 1 when not',
    purpose: 'Set up',
    schema: POLICY_CHECK_OPTIONS,
    operands: ['policy'],
    example: 'sidecert policy check policy.yaml',
  },
  'policy test': {
    summary: 'tell what the holder of a token would get by a policy file, and by which rule',
    purpose: 'Set up',
    schema: POLICY_TEST_OPTIONS,
    operands: ['policy'],
    example: 'sidecert policy test --policy policy.yaml --token token --csr request.pem',
  },
  'log-level': {
    summary: 'set the least level that a running agent, Citadel or injector logs, for a while or until it starts again',
    purpose: 'Look into it',
    schema: LOG_LEVEL_OPTIONS,
    operands: ['status-address', 'level'],
    example: 'sidecert log-level 127.0.0.1:15020 debug --for 10m',
  },
  'root status': {
    summary: 'show how far the change of a root has come, and who would break',
    purpose: 'Set up',
    schema: ROOT_STATUS_OPTIONS,
    operands: ['ca-dir'],
    example: 'sidecert root status ./ca --status-address 127.0.0.1:15014',
    check: rootProblems,
  },
  'root stage': {
    summary: 'begin to change the root of a Citadel: trust the next one beside the old one',
    purpose: 'Set up',
    schema: ROOT_STAGE_OPTIONS,
    operands: ['ca-dir'],
    example: 'sidecert root stage ./ca',
    check: rootProblems,
  },
  'root activate': {
    summary: 'sign by the next root, once all have it',
    purpose: 'Set up',
    schema: ROOT_STEP_OPTIONS,
    operands: ['ca-dir'],
    example: 'sidecert root activate ./ca --status-address 127.0.0.1:15014',
    check: rootProblems,
  },
  'root retire': {
    summary: 'trust the old root no more, once no certificate of it is left',
    purpose: 'Set up',
    schema: ROOT_STEP_OPTIONS,
    operands: ['ca-dir'],
    example: 'sidecert root retire ./ca --status-address 127.0.0.1:15014',
    check: rootProblems,
  },
  'root abort': {
    summary: 'go one step back in the change of a root',
    purpose: 'Set up',
    schema: ROOT_STEP_OPTIONS,
    operands: ['ca-dir'],
    example: 'sidecert root abort ./ca --status-address 127.0.0.1:15014',
    check: rootProblems,
  },
  'root history': {
    summary: 'show what a Citadel has signed with, and which roots it let be trusted, from its trail',
    purpose: 'Look into it',
    schema: ROOT_HISTORY_OPTIONS,
    operands: ['trail-dir'],
    example: 'sidecert root history ./trail',
  },
  revoke: {
    summary: 'revoke certificates before they expire: Envoys of our agents refuse them in new handshakes at once',
    purpose: 'Set up',
    schema: REVOKE_OPTIONS,
    example: 'sidecert revoke --status-address 127.0.0.1:15014 --serial 5f:3a:01 --reason keyCompromise',
    alternatives: [['serial', 'identity', 'certificate']],
    check: revokeProblems,
  },
  'trail verify': {
    summary:
      'hold each record of the trail of a Citadel against the next: exit code 0 when none was changed, 1 when not',
    purpose: 'Look into it',
    schema: TRAIL_VERIFY_OPTIONS,
    operands: ['trail-dir'],
    example: 'sidecert trail verify ./trail --head 4711:b5bZ0m9w4dPzQv0yTn2bq0f7m1eN1x1yY3mSxqg1cQk',
  },
  'certs list': {
    summary: 'list what a Citadel has issued or refused, from its trail or the inventory',
    purpose: 'Look into it',
    schema: CERTS_LIST_OPTIONS,
    check: ({ source, events }: CertsListConfig) =>
      source.kind !== 'trail' && events === 'refused'
        ? ['--events: got refused of an inventory, expected issued, revoked or all: name the directory of the trail']
        : [],
    operands: ['source'],
    example: "sidecert certs list ./trail --identity 'spiffe://cluster.local/ns/foo/*' --since 2026-12-01",
  },
  'certs show': {
    summary: 'show what the trail of a Citadel, or the inventory, says of one certificate',
    purpose: 'Look into it',
    schema: CERTS_SHOW_OPTIONS,
    operands: ['source', 'serial'],
    example: 'sidecert certs show ./trail 5f:3a:01',
  },
  migrate: {
    summary: 'move a set of agents from mounted files to a CA, step by step, each judged before it is taken',
    purpose: 'Set up',
    schema: MIGRATE_OPTIONS,
    operands: ['action'],
    example: 'sidecert migrate plan --status-address /run/foo/status.sock --status-address /run/bar/status.sock',
    check: migrateProblems,
  },
  explain: {
    summary:
      'play the handshake of a client A and a server B rule by rule, and say which rule fails first, why, and what has changed',
    purpose: 'Look into it',
    schema: EXPLAIN_OPTIONS,
    operands: ['a', 'b'],
    example: 'sidecert explain 127.0.0.1:15020 b.json',
  },
  completion: {
    summary: 'print a script that completes commands, flags and values in a shell',
    purpose: 'The program itself',
    schema: COMPLETION_OPTIONS,
    operands: ['shell'],
    example: 'source <(sidecert completion bash)',
  },
  version: {
    summary: 'print the version, and who does the cryptography',
    purpose: 'The program itself',
    schema: VERSION_OPTIONS,
    example: 'sidecert version',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;

export type CommandName = keyof typeof COMMANDS;

function checkAgent(config: AgentConfig, files: FileFacts): string[] {
  return [
    ...checkToken(config, files),
    ...tokenCheckProblems(config),
    ...(config.identitySource !== 'file' ? caProblems(config, files) : []),
    ...checkIdentitySource(config),
    ...outageProblems(config).map((problem) => `--${problem}`),
    ...checkRest(config),
    ...secretProblems(config),
    ...outputProblems(config),
  ];
}

function checkIdentitySource(config: AgentConfig): string[] {
  const { identitySource, mode, tokenSource, namespace, serviceAccount } = config;
  if (identitySource === 'ca') return [];
  // The files are of one workload, and would be served to every pod.
  if (mode !== 'sidecar') return [`--identity-source: got ${identitySource}, expected ca with --mode ${mode}`];
  if (tokenSource === 'stream')
    return [`--identity-source: got ${identitySource}, expected ca with --token-source stream`];
  if ((namespace === undefined) === (serviceAccount === undefined)) return [];
  return ['--namespace, --service-account: got one of them, expected both or neither'];
}

function checkRest({ rest, restSocket, socket }: AgentConfig): string[] {
  if ((rest === 'off') !== (restSocket === undefined)) {
    const got = restSocket === undefined ? `--rest ${rest} alone` : '--rest-socket without --rest bundles or keys';
    return [`--rest, --rest-socket: got ${got}, expected both or neither`];
  }
  return restSocket === socket ? ['--rest-socket: got the path of --socket, expected another one'] : [];
}

function checkInjector(config: InjectorConfig, files: FileFacts): string[] {
  const { kubeconfig, webhookConfig } = config;
  return [
    ...injectProblems(config).map((problem) => `--${problem}`),
    ...unreadableToken(config.tokenFile, files),
    ...(kubeconfig !== undefined && webhookConfig === undefined
      ? ['--kubeconfig: got a value, expected it together with --webhook-config']
      : []),
  ];
}

function checkToken({ tokenSource, tokenFile, caClientCert }: AgentConfig, files: FileFacts): string[] {
  if (tokenSource !== 'file' || tokenFile === undefined) return [];
  // One of both proves the workload; a virtual machine loses its token, or has not yet got the other.
  const isShown = caClientCert !== undefined && files.whyUnreadable(join(caClientCert, 'key.pem')) === undefined;
  return isShown ? [] : unreadableToken(tokenFile, files);
}

function unreadableToken(tokenFile: string, files: FileFacts): string[] {
  const reason = files.whyUnreadable(tokenFile);
  return reason === undefined
    ? []
    : [`--token-file: got ${JSON.stringify(tokenFile)}: ${reason}, expected a readable file`];
}

function checkCitadel(config: CitadelConfig): string[] {
  const { caKey, caDirectory, defaultTtlMs, maxTtlMs, dnsNames, serverNames } = config;
  const isTooLong = defaultTtlMs > maxTtlMs;
  const own = new Set(serverNames.map((name) => name.toLowerCase()));
  return [
    ...checkTokenKeys(config),
    ...(config.inventory !== undefined && config.trailDirectory === undefined
      ? ['--inventory: got it alone, expected it together with --trail-dir, from which it is read']
      : []),
    ...(caKey !== undefined && caDirectory === undefined
      ? ['--ca-dir: got nothing, expected the directory with the certificates of --ca-key']
      : []),
    ...checkIntermediate(config),
    ...(isTooLong ? [`--default-ttl: got ${defaultTtlMs} ms, expected at most the ${maxTtlMs} ms of --max-ttl`] : []),
    ...checkRootChange(config),
    // Its holder could pass itself off as the CA.
    ...dnsNames
      .filter(({ dnsName }) => own.has(dnsName))
      .map(({ dnsName }) => `--dns-name: got ${dnsName}, expected no name of Citadel itself (--server-name)`),
  ];
}

/** A shorter life has no room for a successor that is known before it signs. */
const MIN_INTERMEDIATE_TTL_MS = 16_000;

function checkIntermediate({ hasOnlineIntermediate, onlineIntermediateTtlMs: ttlMs, nameConstraints }: CitadelConfig) {
  if (hasOnlineIntermediate) {
    return ttlMs !== undefined && ttlMs < MIN_INTERMEDIATE_TTL_MS
      ? [`--online-intermediate-ttl: got ${ttlMs} ms, expected at least ${MIN_INTERMEDIATE_TTL_MS}`]
      : [];
  }
  return [
    ...(ttlMs === undefined ? [] : ['--online-intermediate-ttl: got it alone, expected it with --online-intermediate']),
    ...(nameConstraints === 'on' ? [] : ['--name-constraints: got off alone, expected it with --online-intermediate']),
  ];
}

/** Half of the ten years that a root of Citadel lives: with more, the next one would be changed at once, too. */
const MAX_ROOT_LEAD_MS = 43_800 * 3_600_000;

function checkRootChange({ rootChangeLead: lead, rootChangeSettleMs: settleMs }: CitadelConfig): string[] {
  if (lead === undefined || lead === 'off') return [];
  return [
    ...(lead > MAX_ROOT_LEAD_MS
      ? [`--root-change-before: got ${lead} ms, expected at most ${MAX_ROOT_LEAD_MS}: half of the life of a root`]
      : []),
    ...(settleMs * 4 > lead
      ? [`--root-change-settle: got ${settleMs} ms, expected at most a quarter of --root-change-before, ${lead} ms`]
      : []),
  ];
}

function checkTokenKeys(config: CitadelConfig): string[] {
  const { jwksFile, tokenIssuers, isInKubernetes, kubeconfig, reviewsTokens, tokenIssuerCaFile } = config;
  const problems: string[] = [];
  const withKeys = tokenIssuers.filter(({ keys }) => keys !== undefined);
  const withoutKeys = tokenIssuers.filter(({ keys }) => keys === undefined);
  const hasKeys = jwksFile !== undefined || isInKubernetes;
  if (!hasKeys && withKeys.length === 0) {
    problems.push(
      '--jwks, --kubernetes, --token-issuer ISSUER=KEYS: got none, expected one that says where the keys of tokens come from',
    );
  } else if (!hasKeys && withoutKeys.length > 0) {
    const [{ issuer } = { issuer: '' }] = withoutKeys;
    problems.push(
      `--token-issuer: got ${JSON.stringify(issuer)} without keys, expected ISSUER=KEYS, --jwks or --kubernetes`,
    );
  }
  if (jwksFile !== undefined && withoutKeys.length === 0) {
    problems.push('--token-issuer: got nothing, expected the issuer of the tokens together with --jwks');
  }
  const twice = tokenIssuers.find(({ issuer }, index) =>
    tokenIssuers.some((one, at) => at < index && one.issuer === issuer),
  );
  if (twice !== undefined) problems.push(`--token-issuer: got ${JSON.stringify(twice.issuer)} twice, expected it once`);
  const isRead = withKeys.some(({ keys }) => keys?.kind === 'discovery' || keys?.kind === 'url');
  if (tokenIssuerCaFile !== undefined && !isRead) {
    problems.push(
      '--token-issuer-ca: got a value, expected it together with --token-issuer ISSUER=discovery or ISSUER=https://…',
    );
  }
  if (kubeconfig !== undefined && !isInKubernetes) {
    problems.push('--kubeconfig: got a value, expected it together with --kubernetes');
  }
  if (config.checksPods && !isInKubernetes) {
    problems.push('--pod-check: got it alone, expected it together with --kubernetes');
  }
  if (config.trustedNodeAccounts.length > 0 && !isInKubernetes) {
    problems.push('--trusted-node-account: got a value, expected it together with --kubernetes');
  }
  if (reviewsTokens && !isInKubernetes) {
    problems.push('--token-review: got it alone, expected it together with --kubernetes');
  }
  return problems;
}

function checkFleet({ tokensDirectory, tokenFile }: FleetConfig): string[] {
  if (tokensDirectory === undefined || tokenFile === undefined) return [];
  return ['--tokens, --token-file: got both, expected at most one of them'];
}
