import { COMMANDS, type CommandName, type CommandSpec } from './commands.js';
import { type Condition, environmentName, isRequired, type OptionSpec } from './option.js';

/** Wide enough for every flag with its value; longer ones get a line of their own. */
const FLAG_COLUMN = 34;

/** What `sidecert --help` prints. */
export function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`);
  return [
    'sidecert: workload identity for Envoy through SDS',
    '',
    'Usage: sidecert COMMAND [flags]',
    '',
    ...lines,
    '',
    'sidecert COMMAND --help tells all about a command.',
    '',
  ].join('\n');
}

/** What `sidecert COMMAND --help` prints: every flag with its default and its environment variable. */
export function commandHelp(name: CommandName): string {
  const spec: CommandSpec = COMMANDS[name];
  return [
    `sidecert ${name}: ${spec.summary}`,
    '',
    `Usage: sidecert ${name} [flags]`,
    '',
    ...Object.values(spec.schema).flatMap(flagLines),
    ...entry('--config FILE', 'JSON file with settings; flags and environment come first'),
    ...entry('--help', 'this text'),
    '',
    'Each flag can also be set by its environment variable, or by its name in camel case in the file of --config.',
    '',
    `Example: ${spec.example}`,
    '',
  ].join('\n');
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

function flagLines(option: OptionSpec<unknown>): string[] {
  const notes = [optionNotes(option), environmentName(option.flag)].filter((note) => note !== '');
  return [
    ...entry(`--${option.flag} ${option.kind.placeholder}`.trimEnd() + shortFlag(option), option.description),
    `${' '.repeat(FLAG_COLUMN)}[${notes.join('; ')}]`,
  ];
}

function shortFlag({ short }: OptionSpec<unknown>): string {
  return short === undefined ? '' : `, -${short}`;
}

function entry(flag: string, description: string): string[] {
  if (flag.length + 2 < FLAG_COLUMN) return [`  ${flag.padEnd(FLAG_COLUMN - 2)}${description}`];
  return [`  ${flag}`, `${' '.repeat(FLAG_COLUMN)}${description}`];
}
