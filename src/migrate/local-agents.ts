import { randomUUID } from 'node:crypto';
import { chmod, chown, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { messageOf } from '../errors/index.js';
import { askStatus, type LocalTarget, targetText } from '../explain/index.js';
import { type AgentMember, type Member, memberOf, STEPS, type Step } from './member.js';
import type { MigrationSet, Refusal } from './migration-set.js';

/** A page is made within milliseconds. */
const TIMEOUT_MS = 5000;

/**
 * Agents of this machine, by the addresses of their status pages. Each has its step in a file. `elsewhere`: members of
 * other machines, as they were.
 */
export class LocalAgents implements MigrationSet {
  constructor(
    private readonly targets: readonly LocalTarget[],
    private readonly elsewhere: readonly Member[] = [],
  ) {}

  async members(): Promise<readonly Member[]> {
    return [...(await Promise.all(this.targets.map(readMember))), ...this.elsewhere];
  }

  /** Two agents may have one file. */
  async take(step: Step, movers: readonly AgentMember[]): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    const written = new Set<string>();
    for (const { name, state } of movers) {
      const { stepFile } = state;
      if (stepFile === undefined || written.has(stepFile)) continue;
      const reason = await writeStep(stepFile, step);
      if (reason === undefined) written.add(stepFile);
      else refusals.push({ name, reason });
    }
    return refusals;
  }
}

async function readMember(target: LocalTarget): Promise<Member> {
  const where = targetText(target);
  const reply = await askStatus(target, TIMEOUT_MS);
  return reply.kind === 'answered'
    ? memberOf(where, reply.document)
    : { kind: 'unknown', name: where, reason: `${reply.reason}: ${reply.advice}` };
}

/**
 * Replaces the file in one step, under its owner and mode. Only one that says a step already: which file it is was told
 * by another process, and must not be one of ours or of the system. Resolves with why it was not done.
 */
async function writeStep(path: string, step: Step): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    const [state, content] = [await stat(real), (await readFile(real, 'utf8')).trim()];
    if (!STEPS.some((one) => one === content)) {
      const got = content === '' ? 'an empty file' : 'another content';
      return `${path}: got ${got}, expected one of ${STEPS.join(', ')}: write the step that it is at into it`;
    }
    const next = `${real}.${randomUUID()}`;
    try {
      await writeFile(next, `${step}\n`, { flag: 'wx' });
      await chmod(next, state.mode & 0o777);
      await chown(next, state.uid, state.gid);
      await rename(next, real);
    } finally {
      await rm(next, { force: true });
    }
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
