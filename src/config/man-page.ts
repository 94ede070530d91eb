import { flagText, operandText, optionGroups, optionNotes } from './command-help.js';
import type { CommandSpec } from './command-spec.js';
import { COMMANDS, type CommandName } from './commands.js';
import { environmentName, type OptionSpec } from './option.js';

/** The names of the pages, without `.1`, and what is in them. */
export function manPages(): ReadonlyMap<string, string> {
  const names = Object.keys(COMMANDS) as CommandName[];
  return new Map([
    ['sidecert', overviewPage(names)],
    ...names.map((name) => [pageName(name), commandPage(name)] as const),
  ]);
}

function pageName(command: CommandName): string {
  return `sidecert-${command.replaceAll(' ', '-')}`;
}

function overviewPage(names: readonly CommandName[]): string {
  return page('sidecert', 'workload identity for Envoy through SDS', [
    '.SH SYNOPSIS',
    '.B sidecert',
    '.I COMMAND',
    '[flags]',
    '.SH COMMANDS',
    ...names.flatMap((name) => [
      '.TP',
      `.B ${roff(name)}`,
      `${roff(COMMANDS[name].summary)} (see`,
      `.BR ${roff(pageName(name))} (1))`,
    ]),
    ...SETTINGS,
  ]);
}

function commandPage(name: CommandName): string {
  const spec: CommandSpec = COMMANDS[name];
  return page(pageName(name), spec.summary, [
    '.SH SYNOPSIS',
    `.B sidecert ${roff(name)}`,
    `${roff(operandText(spec).trim())} [flags]`.trim(),
    '.SH OPTIONS',
    ...optionGroups(spec).flatMap(({ heading, options }) => [
      ...(heading === undefined ? [] : [`.SS ${roff(heading)}`]),
      ...options.flatMap(optionLines),
    ]),
    ...SETTINGS,
    '.SH EXAMPLE',
    '.nf',
    roff(spec.example),
    '.fi',
  ]);
}

function optionLines(option: OptionSpec<unknown>): string[] {
  const notes = [optionNotes(option), environmentName(option.flag)].filter((note) => note !== '');
  return ['.TP', `.B ${roff(flagText(option))}`, roff(option.description), '.br', `[${roff(notes.join('; '))}]`];
}

const SETTINGS = [
  '.SH SETTINGS',
  'Each flag can also be set by its environment variable, or by its name in camel case in the JSON file of',
  '.BR \\-\\-config .',
  'Flags come before the environment, and the environment before the file.',
  '.SH EXIT STATUS',
  '0 when all went well, 1 when not, 2 for a wrong command line.',
];

/** No date: the pages change when what they say does. */
function page(name: string, summary: string, lines: readonly string[]): string {
  const head = [
    `.TH ${roff(name.toUpperCase())} 1 "" sidecert "Sidecert"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(summary)}`,
  ];
  return `${[...head, ...lines, '.SH SEE ALSO', 'https://github.com/sidecert/sidecert/tree/main/docs'].join('\n')}\n`;
}

/** Escapes what troff would read: a line must not begin with `.` or `'`, a dash of a flag is one to copy. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
    .replace(
      /[^\x20-\x7e]/gu,
      (one) => `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    );
}
