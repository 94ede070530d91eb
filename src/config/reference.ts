import { optionGroups, optionNotes } from './command-help.js';
import type { CommandSpec } from './command-spec.js';
import { COMMANDS } from './commands.js';
import type { ForeignVariable } from './foreign-variables.js';
import { configKey, environmentName, type OptionSpec } from './option.js';
import { OTEL_VARIABLES } from './otel-variables.js';

const HEADER = `# Configuration reference

Made from the schemas in \`src/config\` by \`npm run docs\`; a test holds it against them.

Each setting is a flag, an environment variable and a key of the JSON file that \`--config FILE\` (or \`SIDECERT_CONFIG\`)
names; the first that is set wins, in this order. Unknown flags and keys, wrong values and missing files are refused at
start, all at once, with exit code 2. Durations are written as in Go: \`24h\`, \`1h30m\`, \`90s\`, \`500ms\`. Settings that may
be repeated are separated by commas in the environment and are arrays in the file.

[config-full.json](config-full.json) holds every key of every command.
`;

/** The text of `docs/configuration.md`. */
export function configurationReference(): string {
  const sections = Object.entries(COMMANDS).map(([name, spec]: [string, CommandSpec]) => {
    const rows = optionGroups(spec).flatMap(({ heading, options }) => [
      ...(heading === undefined ? [] : [`| **${heading}** | | | | |`]),
      ...options.map(row),
    ]);
    return [
      `## \`sidecert ${name}\``,
      '',
      `${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`,
      '',
      '| Flag | Environment | Key | Value | Meaning |',
      '|---|---|---|---|---|',
      ...rows,
      '',
      ...foreignRows(spec),
    ].join('\n');
  });
  return [HEADER, ...sections].join('\n');
}

function row(option: OptionSpec<unknown>): string {
  const notes = optionNotes(option);
  const cells = [
    `${option.short === undefined ? '' : `\`-${option.short}\`, `}\`--${option.flag}\``,
    `\`${environmentName(option.flag)}\``,
    `\`${configKey(option.flag)}\``,
    option.shape === 'switch' ? '`true`, `false`' : `\`${option.kind.placeholder.replaceAll('|', '\\|')}\``,
    `${option.description.replaceAll('|', '\\|')}${notes === '' ? '' : ` (${notes.replaceAll('|', '\\|')})`}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function foreignRows({ foreign = [] }: CommandSpec): string[] {
  return [
    ...foreignTable(
      "Variables of Istio's agent, which count where no flag, variable or key of our own is set; see [istio.md](istio.md).",
      "Istio's default",
      foreign.filter((variable) => !OTEL_VARIABLES.includes(variable)),
    ),
    ...foreignTable(
      "Variables of OpenTelemetry's libraries, which count where nothing of our own is set; see [status.md](status.md#traces).",
      'Default there',
      foreign.filter((variable) => OTEL_VARIABLES.includes(variable)),
    ),
  ];
}

function foreignTable(text: string, defaults: string, variables: readonly ForeignVariable[]): string[] {
  if (variables.length === 0) return [];
  return [
    text,
    '',
    `| Variable | ${defaults} | Here |`,
    '|---|---|---|',
    ...variables.map(
      ({ name, default: value, here }) => `| \`${name}\` | ${value === '' ? '' : `\`${value}\``} | ${here} |`,
    ),
    '',
  ];
}
