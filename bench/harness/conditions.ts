import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';

/** What a figure is worth nothing without. */
export interface Conditions {
  /** ISO 8601, UTC. */
  readonly date: string;
  /** With a `+` when the tree differs from it. */
  readonly commit: string;
  readonly node: string;
  readonly openssl: string;
  readonly cpu: string;
  readonly cores: number;
  /** Threads of the pool, where there is one: 0 is none. */
  readonly workers: number;
  /** How many processes wanted to run in the minute before: above `cores`, others took part of the machine. */
  readonly load: number;
  /** Ran before all others of the machine (`chrt -f`), so that their load matters less. */
  readonly isRealTime: boolean;
  readonly rounds: number;
}

export function conditionsOf(workers: number, rounds: number): Conditions {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.versions.node,
    openssl: process.versions.openssl,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    workers,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    isRealTime: isRealTime(),
    rounds,
  };
}

/** One line for the terminal. */
export function conditionsLine(conditions: Conditions): string {
  const { commit, node, openssl, cpu, cores, workers, load, isRealTime, rounds } = conditions;
  const threads = workers === 0 ? 'no pool' : `${workers} worker${workers === 1 ? '' : 's'}`;
  const machine = `${cpu} x${cores}, load ${load}${isRealTime ? ', real-time priority' : ''}`;
  return `commit ${commit}, Node ${node}, OpenSSL ${openssl}, ${machine}, ${threads}, ${rounds} rounds`;
}

/** Field 41 of proc_pid_stat(5), counted behind the name in brackets, which is the second: 0 is the usual policy. */
function isRealTime(): boolean {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[41 - 3]) > 0;
  } catch {
    // Only Linux has this file.
    return false;
  }
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    // A tree without git, an unpacked package say, has no commit.
    return 'unknown';
  }
}
