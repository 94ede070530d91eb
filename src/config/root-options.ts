import { CITADEL_OPTIONS } from './citadel-options.js';
import { boolean, durationMs, kubernetesName, oneOf, path } from './kinds.js';
import { type ConfigOf, listOf, optional, switchOf, withDefault } from './option.js';
import { ownStatusAddress } from './status-options.js';
import { TRAIL_VERIFY_OPTIONS } from './trail-options.js';

const { trustDomain, serverNames, kubeconfig } = CITADEL_OPTIONS;

/** Where the authority is. */
const place = {
  directory: optional(path, {
    flag: 'ca-dir',
    description:
      'the --ca-dir of the Citadel, with the files of Istio (ca-key.pem and the others), which this user can write to; it may stand without the flag',
  }),
  isInKubernetes: switchOf(boolean, {
    flag: 'kubernetes',
    description:
      'instead: the Secret in which Citadels of a cluster have their authority, cacerts or else istio-ca-secret; what their replicas report is read from the cluster, too',
  }),
  kubeconfig,
  namespace: optional(kubernetesName, {
    flag: 'namespace',
    short: 'n',
    description: 'namespace of these Citadels; left out, that of the kubeconfig or the pod, else istio-system',
  }),
};

const statusAddresses = listOf(ownStatusAddress, [], {
  flag: 'status-address',
  description: 'the --status-address of each Citadel with these files: it is asked who would break',
});

const isForced = switchOf(boolean, {
  flag: 'force',
  description: 'take the step although workloads would break, or are not known',
});

/** `sidecert root status`. */
export const ROOT_STATUS_OPTIONS = {
  ...place,
  statusAddresses,
  output: withDefault(oneOf(['text', 'json']), 'text', {
    flag: 'output',
    short: 'o',
    description: 'text for people, or JSON',
  }),
};

export type RootStatusConfig = ConfigOf<typeof ROOT_STATUS_OPTIONS>;

/** `sidecert root history`. */
export const ROOT_HISTORY_OPTIONS = { directory: TRAIL_VERIFY_OPTIONS.directory, output: ROOT_STATUS_OPTIONS.output };

export type RootHistoryConfig = ConfigOf<typeof ROOT_HISTORY_OPTIONS>;

/** `sidecert root stage`. */
export const ROOT_STAGE_OPTIONS = {
  ...place,
  from: optional(path, {
    flag: 'from',
    description:
      'directory with the next authority, in the files of a --ca-dir: one of your own CA, say; left out, a fresh P-256 root is made',
  }),
  trustDomain,
  serverNames,
};

export type RootStageConfig = ConfigOf<typeof ROOT_STAGE_OPTIONS>;

/** `sidecert root activate`, `retire` and `abort`. */
export const ROOT_STEP_OPTIONS = {
  ...place,
  statusAddresses,
  isForced,
  longestTtlMs: optional(durationMs, {
    flag: 'longest-ttl',
    description:
      'longest life of the certificates that were issued before a Citadel started, if it has no trail to know them from; left out, the longest that its --max-ttl and policy allow',
  }),
  trustDomain,
  serverNames,
};

export type RootStepConfig = ConfigOf<typeof ROOT_STEP_OPTIONS>;

/** What no single setting shows. One text per problem. */
export function rootProblems({
  directory,
  isInKubernetes,
  kubeconfig,
  namespace,
  ...others
}: Pick<RootStatusConfig, keyof typeof place> & Partial<Pick<RootStatusConfig, 'statusAddresses'>>): string[] {
  const problems: string[] = [];
  if ((directory === undefined) === !isInKubernetes) {
    const got = isInKubernetes ? 'both' : 'neither';
    problems.push(`--ca-dir, --kubernetes: got ${got}, expected one of them`);
  }
  if (!isInKubernetes && (kubeconfig !== undefined || namespace !== undefined)) {
    problems.push('--kubeconfig, --namespace: got a value, expected it together with --kubernetes');
  }
  if (isInKubernetes && others.statusAddresses !== undefined && others.statusAddresses.length > 0) {
    problems.push(
      '--status-address: got a value, expected none with --kubernetes, where replicas report to the cluster',
    );
  }
  return problems;
}
