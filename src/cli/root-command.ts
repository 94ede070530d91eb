import { type CitadelFacts, type OpenedRoot, openRoot, type RootState, type Witnesses } from '../app/index.js';
import type { RootStageConfig, RootStatusConfig, RootStepConfig } from '../config/index.js';
import { askStatus, targetText } from '../explain/index.js';
import { redact } from '../telemetry/index.js';
import { readCitadelFacts } from './citadel-facts.js';
import { clusterEnvironment, Exit, print, printError } from './process.js';

/** A page is made within milliseconds; a process that takes longer is itself the news. */
const TIMEOUT_MS = 5000;

/** `sidecert root status`. */
export async function runRootStatus(config: RootStatusConfig): Promise<number> {
  return withRoot('status', config, async (root) => {
    const { state, witnesses } = await root.read(Date.now());
    if (config.output === 'json') print(`${JSON.stringify({ ...state, ...witnesses }, undefined, 2)}\n`);
    else print(`${redact([...shownState(state), ...shownWitnesses(witnesses)].join('\n'))}\n`);
    return Exit.ok;
  });
}

/** `sidecert root stage`. */
export async function runRootStage(config: RootStageConfig): Promise<number> {
  return withRoot('stage', { ...config, statusAddresses: [] }, async (root) =>
    tell(await root.stage(config, Date.now()), 'agents get the next root within minutes; then: sidecert root activate'),
  );
}

/** `sidecert root activate`, `retire` and `abort`: exit code 1, and nothing is changed, when workloads would break. */
export async function runRootStep(step: 'activate' | 'retire' | 'abort', config: RootStepConfig): Promise<number> {
  return withRoot(step, config, async (root) => {
    const state = await root.step(config, step, Date.now());
    return tell(state, state.record.step === 'active' ? 'once all certificates are renewed: sidecert root retire' : '');
  });
}

async function withRoot(
  command: string,
  config: Pick<RootStatusConfig, 'directory' | 'kubeconfig' | 'namespace' | 'statusAddresses'>,
  act: (root: OpenedRoot) => Promise<number>,
): Promise<number> {
  const citadels = await askCitadels(command, config.statusAddresses);
  if (citadels === undefined) return Exit.failed;
  const root = await openRoot(config, citadels, clusterEnvironment());
  try {
    return await act(root);
  } finally {
    root.close();
  }
}

function tell(state: RootState, next: string): number {
  print(`${redact(shownState(state).join('\n'))}\n`);
  if (next !== '') print(`${next}\n`);
  return Exit.ok;
}

/** `undefined` when one of them does not answer, which has been told then. */
async function askCitadels(
  command: string,
  addresses: RootStepConfig['statusAddresses'],
): Promise<CitadelFacts[] | undefined> {
  const facts: CitadelFacts[] = [];
  for (const address of addresses) {
    const reply = await askStatus(address, TIMEOUT_MS);
    const read = reply.kind === 'answered' ? readCitadelFacts(address, reply.document) : undefined;
    if (read === undefined) {
      const why =
        reply.kind === 'failed'
          ? `${reply.reason}: ${reply.advice}`
          : `${targetText(address)}: got the page of another process, expected that of a Citadel`;
      printError(`sidecert root ${command}: ${redact(why)}\n`);
      return undefined;
    }
    facts.push(read);
  }
  return facts;
}

function shownState({ record, signer, roots }: RootState): string[] {
  const since = record.since === undefined ? '' : ` since ${record.since}`;
  return [
    `change of the root: ${record.step}${since}`,
    `signs: ${signer}`,
    ...roots.map((root) => `trusted: ${root}`),
    ...record.history.map(({ time, action, from, to, isForced, isAutomatic = false }) => {
      return `${time} ${action}${isAutomatic ? ' (automatic)' : ''}${isForced ? ' (forced)' : ''}: ${from.slice(0, 16)} to ${to.slice(0, 16)}`;
    }),
  ];
}

function shownWitnesses({ citadels, ended }: Witnesses): string[] {
  return [
    ...citadels.flatMap(shownCitadel),
    ...ended.map(({ name, atMs, leaves }) => {
      const left = leaves.reduce((sum, { count }) => sum + count, 0);
      return `${name}: has told nothing since ${new Date(atMs).toISOString()}, ${left} certificates of it are valid`;
    }),
  ];
}

function shownCitadel({ name, withOtherRoots, withOtherIssuer }: CitadelFacts): string[] {
  return [
    `${name}: ${withOtherRoots.count} workloads do not have all of these roots${listed(withOtherRoots.names)}`,
    `${name}: ${withOtherIssuer.count} workloads have a certificate of another one${listed(withOtherIssuer.names)}`,
  ];
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? '' : `: ${names.join(', ')}`;
}
