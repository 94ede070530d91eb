import { isDeepStrictEqual } from 'node:util';
import {
  type CommandSpec,
  type ConfigOf,
  type ConfigSources,
  commandHelp,
  readConfig,
  type Schema,
} from '../config/index.js';
import { IdentityError } from '../errors/index.js';
import { type LogLevel, redact } from '../telemetry/index.js';
import { Exit, helpColumns, print, printError } from './process.js';
import type { Reread } from './reload.js';

/** What is known of the settings of a command besides their values. */
export interface ReadSettings {
  /** The names of settings of Istio that mean nothing here. */
  readonly ignored: readonly string[];
  /** Reads them again. */
  readonly reread: () => Reread;
}

/**
 * Reads the settings of one command, and runs it to its end: the exit code. What is wrong is told on stderr, by the
 * name of the command.
 */
export async function runCommand<S extends Schema>(
  name: string,
  command: CommandSpec<S>,
  sources: ConfigSources,
  action: (config: ConfigOf<S>, read: ReadSettings) => Promise<number>,
): Promise<number> {
  const result = readConfig(command, sources);
  switch (result.kind) {
    case 'help':
      print(commandHelp(name, command, helpColumns()));
      return Exit.ok;
    case 'invalid':
      for (const problem of result.problems) complain(name, problem);
      printError(`sidecert ${name} --help tells what can be set\n`);
      return Exit.usage;
    case 'ok':
      return action(result.config, {
        ignored: result.ignored,
        reread: () => reread(command, sources, result.config),
      }).catch((error: unknown) => failed(name, error));
    default:
      return result satisfies never;
  }
}

/** The settings as they are written now, beside those of the start. */
function reread<S extends Schema>(command: CommandSpec<S>, sources: ConfigSources, before: ConfigOf<S>): Reread {
  const result = readConfig(command, sources);
  if (result.kind !== 'ok') return { kind: 'invalid', problems: result.kind === 'invalid' ? result.problems : [] };
  const changed = Object.entries(command.schema).filter(
    ([key]) => !isDeepStrictEqual(Reflect.get(result.config, key), Reflect.get(before, key)),
  );
  const { logLevel = 'info' }: { readonly logLevel?: LogLevel } = result.config;
  return { kind: 'ok', logLevel, changed: changed.map(([, { flag }]) => flag) };
}

/** An error that we know speaks for itself, and so does one of the system; of any other the stack is what helps. */
function failed(name: string, error: unknown): number {
  if (error instanceof IdentityError) complain(name, `${error.code}: ${error.message}`);
  else if (error instanceof Error && 'syscall' in error) complain(name, error.message);
  else complain(name, error instanceof Error ? (error.stack ?? error.message) : String(error));
  return Exit.failed;
}

/** A complaint may have several lines, and nothing else that controls a terminal. */
const CONTROLS = /(?!\n)\p{Cc}/gu;

/**
 * A value is quoted in the complaint about it, and a user who took a flag for another may have given a token or a key.
 * The system quotes paths as they are.
 */
export function complain(name: string, problem: string): void {
  printError(`sidecert ${name}: ${redact(problem).replace(CONTROLS, ' ')}\n`);
}
