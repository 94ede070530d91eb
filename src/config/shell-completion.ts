import type { CommandSpec } from './command-spec.js';
import { COMMANDS } from './commands.js';
import type { Shell } from './completion-options.js';
import type { OptionSpec } from './option.js';

/**
 * A script that completes the commands of `sidecert`, their flags and, where they are known, the values of these. It
 * asks no program at each key.
 */
export function shellCompletion(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript();
    case 'zsh':
      return zshScript();
    case 'fish':
      return fishScript();
    default:
      return shell satisfies never;
  }
}

/** What can stand behind a flag. */
type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'any' | 'none' };

interface Flag {
  /** Without its dashes. */
  readonly name: string;
  readonly description: string;
  readonly values: Values;
}

interface Command {
  /** `agent`, `policy check`. */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** What may stand without a flag. */
  readonly operands: readonly string[];
}

function commands(): readonly Command[] {
  return Object.entries(COMMANDS).map(([name, spec]: [string, CommandSpec]) => {
    const options = Object.values(spec.schema);
    const last = options.find(({ flag }) => flag === spec.operands?.at(-1));
    const values = last === undefined ? undefined : valuesOf(last);
    return {
      ...{ name, summary: spec.summary, operands: values?.kind === 'words' ? values.words : [] },
      flags: [
        ...options.map((option) => ({
          ...{ name: option.flag, description: option.description, values: valuesOf(option) },
        })),
        { name: 'config', description: 'JSON file with settings', values: { kind: 'files' } },
        { name: 'help', description: 'what can be set', values: { kind: 'none' } },
      ],
    };
  });
}

function valuesOf({ kind: { placeholder }, shape }: OptionSpec<unknown>): Values {
  if (shape === 'switch') return { kind: 'none' };
  if (/^[a-z][a-z0-9,-]*(\|[a-z][a-z0-9,-]*)+$/.test(placeholder))
    return { kind: 'words', words: placeholder.split('|') };
  return { kind: /FILE|PATH|DIRECTORY/.test(placeholder) ? 'files' : 'any' };
}

/** The first words of all commands, and `help`. */
function firstWords(): readonly string[] {
  return [...new Set([...commands().map(({ name }) => name.split(' ')[0] ?? name), 'help'])];
}

/** Of commands with two words: the second ones by the first. */
function secondWords(): ReadonlyMap<string, readonly string[]> {
  const seconds = new Map<string, string[]>();
  for (const { name } of commands()) {
    const [first = '', second] = name.split(' ');
    if (second !== undefined) seconds.set(first, [...(seconds.get(first) ?? []), second]);
  }
  return seconds;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The `case` that both shells have: sets `flags`, `operands` and, by the flag before, `values`. */
function caseLines(): string[] {
  return commands().flatMap(({ name, flags, operands }) => [
    `    ${quoted(name)})`,
    `      flags=${quoted(flags.map((flag) => `--${flag.name}`).join(' '))}`,
    `      operands=${quoted(operands.join(' '))}`,
    '      case "$before" in',
    ...flags.flatMap(({ name: flag, values }) => valueLine(flag, values)),
    '      esac',
    '      ;;',
  ]);
}

function valueLine(flag: string, values: Values): string[] {
  switch (values.kind) {
    case 'words':
      return [`        --${flag}) values=${quoted(values.words.join(' '))} ;;`];
    case 'files':
      return [`        --${flag}) values=FILES ;;`];
    case 'any':
      return [`        --${flag}) values=ANY ;;`];
    case 'none':
      return [];
    default:
      return values satisfies never;
  }
}

function secondWordLines(reply: (words: string) => string): string[] {
  return [...secondWords()].flatMap(([first, seconds]) => [
    `  if [[ $command == ${first} ]]; then`,
    `    if ((at == 2)); then ${reply(seconds.join(' '))}; return; fi`,
    '    command="$command $second"',
    '  fi',
  ]);
}

function bashScript(): string {
  const reply = (words: string): string => `COMPREPLY=($(compgen -W "${words}" -- "$word"))`;
  return [
    '# Completion of sidecert for bash: source <(sidecert completion bash)',
    '_sidecert() {',
    `  local at=$COMP_CWORD word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"`,
    `  local command="\${COMP_WORDS[1]}" second="\${COMP_WORDS[2]}" flags= operands= values=`,
    '  # bash takes --flag=value for three words.',
    '  if [[ $word == = ]]; then word=',
    `  elif [[ $before == = ]]; then before="\${COMP_WORDS[COMP_CWORD-2]}"`,
    '  fi',
    `  if ((at == 1)); then ${reply(firstWords().join(' '))}; return; fi`,
    ...secondWordLines(reply),
    '  case "$command" in',
    ...caseLines(),
    '  esac',
    '  case "$values" in',
    '    FILES) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;',
    '    ANY) COMPREPLY=() ;;',
    '    ?*) COMPREPLY=($(compgen -W "$values" -- "$word")) ;;',
    '    *) COMPREPLY=($(compgen -W "$operands $flags" -- "$word")) ;;',
    '  esac',
    '}',
    'complete -F _sidecert sidecert',
    '',
  ].join('\n');
}

function zshScript(): string {
  return [
    '#compdef sidecert',
    '# Completion of sidecert for zsh: source <(sidecert completion zsh), or a file _sidecert in a directory of $fpath',
    '_sidecert() {',
    `  local at=$((CURRENT - 1)) before="\${words[CURRENT-1]}" command="\${words[2]}" second="\${words[3]}"`,
    '  local flags= operands= values=',
    `  if [[ \${words[CURRENT]} == --*=* ]]; then before="\${words[CURRENT]%%=*}"; compset -P "*="; fi`,
    `  if ((at == 1)); then compadd -- ${firstWords().join(' ')}; return; fi`,
    ...secondWordLines((words) => `compadd -- ${words}`),
    '  case "$command" in',
    ...caseLines(),
    '  esac',
    '  case "$values" in',
    '    FILES) _files ;;',
    '    ANY) ;;',
    `    ?*) compadd -- \${=values} ;;`,
    `    *) compadd -- \${=operands} \${=flags} ;;`,
    '  esac',
    '}',
    `if [[ \${funcstack[1]} == _sidecert ]]; then _sidecert "$@"; else compdef _sidecert sidecert; fi`,
    '',
  ].join('\n');
}

function fishScript(): string {
  const seconds = secondWords();
  const lines = commands().flatMap(({ name, summary, flags, operands }) => {
    const [first = '', second] = name.split(' ');
    const seen = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    const chosen =
      second === undefined
        ? line('__fish_use_subcommand', `-a ${first}`, summary)
        : line(
            `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${seconds.get(first)?.join(' ')}`,
            `-a ${second}`,
            summary,
          );
    return [
      chosen,
      ...(operands.length === 0 ? [] : [line(seen, `-a ${quoted(operands.join(' '))}`, '')]),
      ...flags.map((flag) => line(seen, `-l ${flag.name}${fishValues(flag.values)}`, flag.description)),
    ];
  });
  const groups = [...seconds.keys()].map((first) => line('__fish_use_subcommand', `-a ${first}`, ''));
  return [
    '# Completion of sidecert for fish: sidecert completion fish | source',
    'complete -c sidecert -f',
    ...groups,
    ...lines,
    '',
  ].join('\n');
}

function line(condition: string, what: string, description: string): string {
  const told = description === '' ? '' : ` -d '${description.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return `complete -c sidecert -n '${condition}' ${what}${told}`;
}

function fishValues(values: Values): string {
  switch (values.kind) {
    case 'words':
      return ` -x -a ${quoted(values.words.join(' '))}`;
    case 'files':
      return ' -r -F';
    case 'any':
      return ' -x';
    case 'none':
      return '';
    default:
      return values satisfies never;
  }
}
