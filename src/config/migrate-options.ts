import { boolean, durationMs, existingFile, kubernetesName, oneOf, text } from './kinds.js';
import { type ConfigOf, listOf, optional, required, switchOf, withDefault } from './option.js';
import { ownStatusAddress } from './status-options.js';

/** What `sidecert migrate` does, as the word after it says. */
const ACTIONS = ['status', 'plan', 'next', 'back', 'clean-up'] as const;

/** `sidecert migrate`. */
export const MIGRATE_OPTIONS = {
  action: required(oneOf(ACTIONS), {
    flag: 'action',
    description:
      'status shows where each agent stands; plan judges the next step and the one back; next and back take it; clean-up finds the Secrets that no pod mounts any more',
  }),
  statusAddresses: listOf(ownStatusAddress, [], {
    flag: 'status-address',
    description:
      'the --status-address of an agent on this machine, or of the Citadel; all agents that talk to one another belong to one set',
  }),
  memberFiles: listOf(existingFile, [], {
    flag: 'members',
    description:
      'beside --status-address: a file with what migrate status --output json has printed on another machine, in the last ten minutes; its agents are judged, too, and take the step there',
  }),
  namespaces: listOf(kubernetesName, [], {
    flag: 'namespace',
    short: 'n',
    description: 'instead: the pods of this Kubernetes namespace, asked through the API server',
  }),
  selector: optional(text, {
    flag: 'selector',
    short: 'l',
    description: 'label selector of these pods, such as app=httpbin; left out, all',
  }),
  configMap: withDefault(kubernetesName, 'sidecert-migration', {
    flag: 'config-map',
    description: 'ConfigMap of the namespace whose key step the agents read (kube-inject --migration-config-map)',
  }),
  kubeconfig: optional(existingFile, {
    flag: 'kubeconfig',
    description:
      'file that says, by its current context, which API server; left out, that of the pod, and outside of one the files that KUBECONFIG lists',
  }),
  isForced: switchOf(boolean, {
    flag: 'force',
    description: 'take the step although some would break or cannot be asked; they are named all the same',
  }),
  deletes: switchOf(boolean, {
    flag: 'delete',
    description: 'clean-up: delete what it finds, and not only name it',
  }),
  timeoutMs: withDefault(durationMs, '2m', {
    flag: 'timeout',
    description: 'next and back: how long the agents may take for the step',
  }),
  output: withDefault(oneOf(['text', 'json']), 'text', {
    flag: 'output',
    short: 'o',
    description: 'text for people, or JSON',
  }),
};

export type MigrateConfig = ConfigOf<typeof MIGRATE_OPTIONS>;

/** What no single setting shows. One text per problem. */
export function migrateProblems(config: MigrateConfig): string[] {
  const { action, statusAddresses, memberFiles, namespaces, selector, deletes, isForced } = config;
  const problems: string[] = [];
  if ((statusAddresses.length === 0) === (namespaces.length === 0)) {
    const got = namespaces.length === 0 ? 'neither' : 'both';
    problems.push(`--status-address, --namespace: got ${got}, expected one of them, once or several times`);
  }
  if (action === 'clean-up' && namespaces.length === 0) {
    problems.push('clean-up: got no --namespace, expected that of the Secrets');
  }
  if (memberFiles.length > 0 && statusAddresses.length === 0) {
    problems.push('--members: got a file, expected it together with --status-address');
  }
  if (selector !== undefined && namespaces.length === 0) {
    problems.push('--selector: got a value, expected it together with --namespace');
  }
  if (deletes && action !== 'clean-up') problems.push(`--delete: got it with ${action}, expected it with clean-up`);
  if (isForced && action !== 'next' && action !== 'back') {
    problems.push(`--force: got it with ${action}, expected it with next or back`);
  }
  return problems;
}
