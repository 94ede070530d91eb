import { COMMAND_PURPOSES, type CommandSpec } from './command-spec.js';
import { COMMANDS } from './commands.js';
import { hanging, wrapped } from './wrapped-text.js';

/** Of the name of a command, in the list of all. */
const NAME_COLUMN = 14;

/** What `sidecert --help` prints on so many columns. */
export function overview(columns: number): string {
  const all: readonly (readonly [string, CommandSpec])[] = Object.entries(COMMANDS);
  const groups = COMMAND_PURPOSES.flatMap((purpose) => [
    `${purpose}:`,
    ...all
      .filter(([, spec]) => spec.purpose === purpose)
      .flatMap(([name, { summary }]) => hanging(`  ${name}`, summary, NAME_COLUMN, columns)),
    '',
  ]);
  return [
    ...wrapped('sidecert: workload identity for Envoy through SDS', columns),
    '',
    'Usage: sidecert COMMAND [flags]',
    '',
    ...groups,
    ...wrapped('sidecert COMMAND --help tells all about a command.', columns),
    '',
  ].join('\n');
}
