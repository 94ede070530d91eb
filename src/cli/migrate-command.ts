import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSION } from '../app/index.js';
import type { MigrateConfig } from '../config/index.js';
import { IdentityError } from '../errors/index.js';
import { Style } from '../explain/index.js';
import {
  ClusterAgents,
  findUnusedSecrets,
  judge,
  LocalAgents,
  type Member,
  type MigrationSet,
  membersOfMachine,
  openCluster,
  removeSecrets,
  resultDocument,
  shownMembers,
  shownResult,
  shownUses,
  shownVerdict,
  statusDocument,
  takeStep,
  usesDocument,
  verdictDocument,
} from '../migrate/index.js';
import { readJson, readSmallFile } from '../system/small-files/index.js';
import { redact } from '../telemetry/index.js';
import { clusterEnvironment, Exit, hasColours, print } from './process.js';

/** Of thousands of agents with some roots each. */
const MAX_MEMBERS_BYTES = 16 * 1024 * 1024;

/** What a command has to say, and whether it is well. */
interface Outcome {
  readonly lines: readonly string[];
  readonly document: object;
  readonly isGood: boolean;
}

/**
 * `sidecert migrate`. Resolves with 0 when the step is safe, or was taken by all; when no agent is held up; and when
 * there is nothing left to delete, or it was deleted.
 * @throws IdentityError `ERR_KUBERNETES_*`.
 */
export async function runMigrate(config: MigrateConfig): Promise<number> {
  const { namespaces, kubeconfig, output } = config;
  const client =
    namespaces.length === 0 ? undefined : await openCluster(kubeconfig, clusterEnvironment(), { version: VERSION });
  try {
    const outcome =
      client !== undefined && config.action === 'clean-up'
        ? await cleanUp(config, client)
        : await move(
            config,
            client === undefined
              ? new LocalAgents(config.statusAddresses, await membersElsewhere(config))
              : new ClusterAgents({ ...config, client }),
          );
    const text = output === 'json' ? JSON.stringify(outcome.document, undefined, 2) : outcome.lines.join('\n');
    print(`${redact(text)}\n`);
    return outcome.isGood ? Exit.ok : Exit.failed;
  } finally {
    client?.close();
  }
}

/** What `--members` names. @throws IdentityError `ERR_CONFIG_INVALID`. */
async function membersElsewhere({ memberFiles }: MigrateConfig): Promise<Member[]> {
  const all: Member[] = [];
  for (const path of memberFiles) {
    const what = `--members ${path}`;
    const { content } = await readSmallFile(path, { what, code: 'ERR_CONFIG_INVALID', maxBytes: MAX_MEMBERS_BYTES });
    const document = readJson(content, (got, expected) => {
      throw new IdentityError('ERR_CONFIG_INVALID', `${what}: got ${got}, expected ${expected}`);
    });
    all.push(...membersOfMachine(basename(path), document, Date.now()));
  }
  return all;
}

async function cleanUp(
  { namespaces, deletes }: MigrateConfig,
  client: Awaited<ReturnType<typeof openCluster>>,
): Promise<Outcome> {
  const secrets = await findUnusedSecrets(client, namespaces);
  if (deletes) await removeSecrets(client, secrets);
  return {
    lines: shownUses(secrets, { deletes }),
    document: usesDocument(secrets, { deletes }),
    isGood: deletes || secrets.every(({ usedBy }) => usedBy.length > 0),
  };
}

async function move(config: MigrateConfig, set: MigrationSet): Promise<Outcome> {
  const { action, isForced, timeoutMs } = config;
  const style = new Style(hasColours(process.stdout));
  switch (action) {
    case 'next':
    case 'back': {
      const result = await takeStep(set, {
        ...{ direction: action, isForced, timeoutMs, now: Date.now },
        sleep: (ms) => sleep(ms),
      });
      const isGood = result.kind === 'taken' && result.refusals.length + result.waiting.length === 0;
      return { lines: shownResult(result, action, style), document: resultDocument(result), isGood };
    }
    case 'plan': {
      const members = await set.members();
      const [next, back] = [judge(members, 'next'), judge(members, 'back')];
      const lines = [...shownVerdict(next, 'next', style), ...shownVerdict(back, 'back', style)];
      const isGood = next.kind === 'step' && next.blockers.length === 0;
      return { lines, document: { next: verdictDocument(next), back: verdictDocument(back) }, isGood };
    }
    default: {
      const members = await set.members();
      const isGood = members.every(
        (one) => one.kind !== 'unknown' && (one.kind !== 'agent' || one.state.heldUpBy.length === 0),
      );
      return {
        lines: shownMembers(members, Date.now(), style),
        document: statusDocument(members, Date.now()),
        isGood,
      };
    }
  }
}
