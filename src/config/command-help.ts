import type { CommandSpec } from './command-spec.js';
import { type Condition, environmentName, isRequired, type OptionSpec } from './option.js';
import { hanging, wrapped } from './wrapped-text.js';

/** Wide enough for every flag with its value; longer ones get a line of their own. */
const FLAG_COLUMN = 34;

/** Where the meaning of a flag begins on a terminal that has no room for two columns. */
const NARROW_COLUMN = 6;

/** Beside the column of flags, a meaning has so much room at least. */
const LEAST_TEXT_COLUMNS = 38;

/** What `sidecert COMMAND --help` prints: every flag with its default and its variable, in groups. */
export function commandHelp(name: string, spec: CommandSpec, columns: number): string {
  const groups = optionGroups(spec);
  return [
    ...wrapped(`sidecert ${name}: ${spec.summary}`, columns),
    '',
    `Usage: sidecert ${name}${operandText(spec)} [flags]`,
    '',
    ...groups.flatMap(({ heading, options }) => [
      ...(heading === undefined ? [] : [`${heading}:`]),
      ...options.flatMap((option) => flagLines(option, columns)),
      ...(heading === undefined ? [] : ['']),
    ]),
    ...(groups.length > 1 ? ['For every command:'] : []),
    ...entry('--config FILE', 'JSON file with settings; flags and environment come first', columns),
    ...entry('--help', 'this text', columns),
    '',
    ...wrapped(
      'Each flag can also be set by its environment variable, or by its name in camel case in the file of --config.',
      columns,
    ),
    '',
    // To be copied: a terminal breaks it where it likes.
    `Example: ${spec.example}`,
    '',
  ].join('\n');
}

/** ` [STATUS-ADDRESS] LEVEL`: only the last one has to be given, the others may be in the environment. */
export function operandText({ operands = [] }: CommandSpec): string {
  return operands
    .map((flag, at) => (at === operands.length - 1 ? ` ${flag.toUpperCase()}` : ` [${flag.toUpperCase()}]`))
    .join('');
}

/** Options that belong together, in the order of the schema. */
export interface OptionGroup {
  /** `undefined` where the options of a command are one group. */
  readonly heading: string | undefined;
  readonly options: readonly OptionSpec<unknown>[];
}

/** The options of a command by its headings. */
export function optionGroups({ schema, headings = {} }: CommandSpec): readonly OptionGroup[] {
  const groups: { heading: string | undefined; options: OptionSpec<unknown>[] }[] = [];
  for (const option of Object.values(schema)) {
    const heading = headings[option.flag];
    const last = groups.at(-1);
    if (last === undefined || heading !== undefined) groups.push({ heading, options: [option] });
    else last.options.push(option);
  }
  return groups;
}

/** `required`, `default: 24h`, `may be repeated`: what a user must know of an option besides its meaning. */
export function optionNotes(option: OptionSpec<unknown>): string {
  const notes: string[] = [];
  const { onlyWith = [], optionalWith } = option;
  const exception = optionalWith === undefined ? '' : ` unless ${conditionText(optionalWith)}`;
  if (isRequired(option)) notes.push(`required${exception}`);
  const defaults = [option.default ?? []].flat();
  if (defaults.length > 0 && option.shape !== 'switch') notes.push(`default: ${defaults.join(', ')}`);
  if (option.shape === 'list') notes.push('may be repeated');
  if (onlyWith.length > 0) {
    notes.push(`only with ${onlyWith.map(conditionText).join(' and ')}`);
  }
  return notes.join('; ');
}

function conditionText({ flag, value }: Condition): string {
  return `--${flag} ${[value].flat().join(' or ')}`;
}

function flagLines(option: OptionSpec<unknown>, columns: number): string[] {
  const notes = [optionNotes(option), environmentName(option.flag)].filter((note) => note !== '');
  const column = textColumn(columns);
  return [
    ...entry(flagText(option), option.description, columns),
    ...hanging('', `[${notes.join('; ')}]`, column, columns),
  ];
}

/** A flag as it is written, with its value and its letter: `--output text|json, -o`. */
export function flagText({ flag, kind, short }: OptionSpec<unknown>): string {
  return `--${flag} ${kind.placeholder}`.trimEnd() + (short === undefined ? '' : `, -${short}`);
}

function textColumn(columns: number): number {
  return columns - FLAG_COLUMN < LEAST_TEXT_COLUMNS ? NARROW_COLUMN : FLAG_COLUMN;
}

function entry(flag: string, description: string, columns: number): string[] {
  return hanging(`  ${flag}`, description, textColumn(columns), columns);
}
