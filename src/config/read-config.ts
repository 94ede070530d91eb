import { parseArgs } from 'node:util';
import { readJson, systemReason } from '../system/small-files/index.js';
import { nearest } from '../text/index.js';
import type { CommandSpec } from './command-spec.js';
import { type ForeignArguments, readForeign } from './foreign-variables.js';
import type { FileFacts } from './kinds.js';
import {
  type Condition,
  type ConfigOf,
  configKey,
  environmentName,
  isRequired,
  type OptionSpec,
  type Schema,
} from './option.js';

/**
 * Where settings come from, strongest first: flags, environment, the file that `--config` names, the variables of
 * another program that the command knows, defaults.
 */
export interface ConfigSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** From the command line of the other program, where it was given. */
  readonly foreignArguments?: ForeignArguments;
  readonly files: FileFacts & {
    /** All of a file. @throws Error which says why it cannot be read. */
    read(path: string): Buffer;
  };
}

/** One thing that is wrong, as `where: got X, expected Y`. */
export type ConfigProblem = string;

export type ConfigResult<S extends Schema> =
  /** `ignored`: names of what another program's settings say and means nothing here. */
  | { readonly kind: 'ok'; readonly config: ConfigOf<S>; readonly ignored: readonly string[] }
  | { readonly kind: 'help' }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

/** A setting as it was written, and where. */
interface Written {
  readonly where: string;
  readonly texts: readonly string[];
  readonly strength: Strength;
}

/** A flag is stronger than the environment, that than the file, and what is another program's is the weakest. */
const STRENGTHS = ['foreign', 'file', 'environment', 'flag'] as const;

type Strength = (typeof STRENGTHS)[number];

/** A value is repeated in the complaint about it, but not without end. */
const MAX_QUOTED_CHARS = 120;

/** Reads all settings of one command in one pass. All problems are reported, not just the first. */
export function readConfig<S extends Schema>(command: CommandSpec<S>, sources: ConfigSources): ConfigResult<S> {
  const { schema, check, alternatives = [], operands = [] } = command;
  const problems: ConfigProblem[] = [];
  const flags = readFlags(schema, operands, sources.args, problems);
  if (flags.help) return { kind: 'help' };
  const file = readFile(schema, flags.configPath ?? sources.environment[environmentName('config')], sources, problems);
  const config: Record<string, unknown> = {};
  const all = new Map<string, Written>();
  for (const option of Object.values(schema)) {
    const written = flags.written.get(option.flag) ?? fromEnvironment(option, sources) ?? file.get(option.flag);
    if (written !== undefined) all.set(option.flag, written);
  }
  const foreign = readForeign(command.foreign ?? [], { ...sources, isSet: (flag) => all.has(flag) });
  problems.push(...foreign.problems);
  for (const [flag, setting] of foreign.settings) all.set(flag, { ...setting, strength: 'foreign' });
  for (const group of alternatives) dropWeaker(group, all);
  for (const [key, option] of Object.entries(schema)) {
    const written = all.get(option.flag);
    const otherwise = conditionNotMet(option, schema, config);
    // Another program does not know of the condition.
    const isRefused = otherwise !== undefined && written !== undefined && written.strength !== 'foreign';
    if (isRefused) problems.push(`${written.where}: got a value, expected none with ${otherwise}`);
    else if (otherwise === undefined) {
      const mayMiss = option.optionalWith !== undefined && isMet(option.optionalWith, schema, config);
      config[key] = settingOf(mayMiss ? { ...option, shape: 'optional' } : option, written, sources.files, problems);
    } else if (option.keepsDefault === true) {
      config[key] = option.shape === 'list' ? Object.freeze([]) : settingOf(option, undefined, sources.files, problems);
    }
  }
  // Every key of the schema has its value now, unless there is a problem.
  const complete = Object.freeze(config) as ConfigOf<S>;
  if (problems.length === 0) problems.push(...(check?.(complete, sources.files) ?? []));
  return problems.length > 0
    ? { kind: 'invalid', problems }
    : { kind: 'ok', config: complete, ignored: foreign.ignored };
}

/**
 * Of settings that exclude one another, those from the strongest source count: what an image sets in its environment
 * must not be in the way of a flag.
 */
function dropWeaker(group: readonly string[], all: Map<string, Written>): void {
  const strengthOf = (flag: string): number => STRENGTHS.indexOf(all.get(flag)?.strength ?? 'foreign');
  const strongest = Math.max(...group.map(strengthOf));
  for (const flag of group) if (strengthOf(flag) < strongest) all.delete(flag);
}

/** What another setting is, as a flag, when this one means nothing with it. */
function conditionNotMet({ onlyWith = [] }: OptionSpec<unknown>, schema: Schema, config: Values): string | undefined {
  for (const { flag, value } of onlyWith) {
    const known = settingNow(flag, schema, config);
    // A value that is wrong has its own complaint; then nothing follows from it.
    if (known !== undefined && ![value].flat().some((one) => one === known)) return `--${flag} ${known}`;
  }
  return undefined;
}

function isMet({ flag, value }: Condition, schema: Schema, config: Values): boolean {
  return [value].flat().some((one) => one === settingNow(flag, schema, config));
}

function settingNow(flag: string, schema: Schema, config: Values): unknown {
  const [key = ''] = Object.entries(schema).find(([, option]) => option.flag === flag) ?? [];
  return config[key];
}

type Values = Readonly<Record<string, unknown>>;

function settingOf(option: OptionSpec<unknown>, written: Written | undefined, files: FileFacts, problems: string[]) {
  const texts = written?.texts ?? [option.default ?? []].flat();
  if (texts.length === 0 && isRequired(option)) {
    problems.push(`--${option.flag}: got nothing, expected ${option.kind.expected}`);
  }
  const values = texts.map((text) => {
    const value = option.kind.parse(text, files);
    if (value === undefined) {
      const where = written?.where ?? `--${option.flag} (default)`;
      const reason = option.kind.whyNot?.(text, files);
      const shown = quoted(option.kind.shown?.(text) ?? text);
      const got = reason === undefined ? shown : `${shown}: ${reason}`;
      problems.push(`${where}: got ${got}, expected ${option.kind.expected}`);
    }
    return value;
  });
  return option.shape === 'list' ? Object.freeze(values) : values[0];
}

function readFlags(schema: Schema, operands: readonly string[], args: readonly string[], problems: string[]) {
  const written = new Map<string, Written>();
  let help = false;
  let configPath: string | undefined;
  const known = new Map(Object.values(schema).map((option) => [option.flag, option]));
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries([
      ...[...known.values()].map(({ flag, short, shape }) => [
        flag,
        { type: shape === 'switch' ? 'boolean' : 'string', ...(short !== undefined && { short }) },
      ]),
      ['config', { type: 'string' }],
      ['help', { type: 'boolean', short: 'h' }],
    ]),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: string[] = [];
  /** The place of the value that an unknown flag may have: to complain of both would point to two mistakes. */
  let valueOfUnknown = -1;
  for (const token of tokens) {
    if (token.kind === 'positional' && token.index !== valueOfUnknown) values.push(token.value);
    if (token.kind !== 'option') continue;
    const where = token.rawName;
    const option = known.get(token.name);
    if (token.name === 'help') help = true;
    else if (token.name !== 'config' && option === undefined) {
      problems.push(`${where}: got an unknown flag, expected one of those that --help lists${hint(token.name, known)}`);
      if (token.inlineValue !== true) valueOfUnknown = token.index + 1;
    } else {
      const text = textOf(token, option?.shape === 'switch', problems);
      if (text === undefined) continue;
      if (option === undefined) configPath = text;
      else addFlag(option, where, text, written, problems);
    }
  }
  const extra = values.splice(operands.length);
  if (extra.length > 0) {
    const expected = operands.length === 0 ? 'flags only' : `at most ${operands.length} without a flag`;
    for (const value of extra) problems.push(`argument: got ${quoted(value)}, expected ${expected}`);
  }
  for (const [at, flag] of operands.slice(operands.length - values.length).entries()) {
    const option = known.get(flag);
    if (option !== undefined) addFlag(option, `--${flag}`, values[at] ?? '', written, problems);
  }
  return { written, help, configPath };
}

function hint(name: string, known: ReadonlyMap<string, unknown>): string {
  const meant = nearest(name, [...known.keys(), 'config', 'help']);
  return meant === undefined ? '' : `; did you mean --${meant}?`;
}

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function textOf(
  { rawName, value, inlineValue }: OptionToken,
  isSwitch: boolean,
  problems: string[],
): string | undefined {
  if (isSwitch) return value ?? 'true';
  // `--socket --ttl 1h`: a value that looks like a flag is a value that was forgotten; `--socket=--x` says it on
  // purpose.
  if (value !== undefined && (inlineValue === true || !value.startsWith('--'))) return value;
  problems.push(`${rawName}: got no value, expected one after it`);
  return undefined;
}

function addFlag(
  option: OptionSpec<unknown>,
  where: string,
  text: string,
  written: Map<string, Written>,
  problems: string[],
) {
  const earlier = written.get(option.flag);
  if (earlier !== undefined && option.shape !== 'list') {
    problems.push(`${where}: got it twice, expected it once`);
  }
  written.set(option.flag, { where, texts: [...(earlier?.texts ?? []), text], strength: 'flag' });
}

function fromEnvironment(option: OptionSpec<unknown>, { environment }: ConfigSources): Written | undefined {
  const name = environmentName(option.flag);
  const text = environment[name];
  // An empty variable counts as unset: that is how manifests and compose files leave one out.
  if (text === undefined || text === '') return undefined;
  const texts = option.shape === 'list' ? text.split(',').map((part) => part.trim()) : [text];
  return { where: name, texts, strength: 'environment' };
}

function readFile(schema: Schema, path: string | undefined, sources: ConfigSources, problems: string[]) {
  const written = new Map<string, Written>();
  if (path === undefined || path === '') return written;
  const settings = parseFile(path, sources, problems);
  const known = new Map(Object.values(schema).map((option) => [configKey(option.flag), option]));
  for (const [key, value] of Object.entries(settings)) {
    const option = known.get(key);
    const where = `${path} ${key}`;
    if (option === undefined) {
      problems.push(`${where}: got an unknown key, expected one of ${[...known.keys()].join(', ')}`);
      continue;
    }
    const texts = option.shape === 'list' && Array.isArray(value) ? value : [value];
    const expected = option.shape === 'switch' ? 'boolean' : 'string';
    if (texts.every((text) => typeof text === expected))
      written.set(option.flag, { where, texts: texts.map(String), strength: 'file' });
    else {
      const got = option.kind.shown === undefined ? quoted(JSON.stringify(value)) : 'something else';
      problems.push(`${where}: got ${got}, expected a JSON ${expected}`);
    }
  }
  return written;
}

function parseFile(path: string, sources: ConfigSources, problems: string[]): object {
  let reason = 'another JSON value';
  try {
    const settings = readJson(sources.files.read(path), (got) => {
      throw new TypeError(got);
    });
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) return settings;
  } catch (error) {
    reason = systemReason(error);
  }
  problems.push(`--config: got ${quoted(path)}: ${reason}, expected a readable file with one JSON object`);
  return {};
}

function quoted(text: string): string {
  return JSON.stringify(text.length <= MAX_QUOTED_CHARS ? text : `${text.slice(0, MAX_QUOTED_CHARS)}…`);
}
