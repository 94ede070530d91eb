import type { Kind } from './kinds.js';

/** One setting: a flag, an environment variable and a key of the JSON file, all three by the same name. */
export interface OptionSpec<T> {
  /** Without its dashes: `ca-address`. */
  readonly flag: string;
  /** One letter that stands for the flag, without its dash: `f`. */
  readonly short?: string;
  readonly description: string;
  readonly kind: Kind<unknown>;
  /** As the user would write it; `undefined` when there is none. */
  readonly default: string | readonly string[] | undefined;
  readonly shape: 'required' | 'optional' | 'list' | 'switch';
  /** Where it stands, the setting means nothing, and is refused, unless those other ones have these values. */
  readonly onlyWith?: readonly Condition[];
  /** It has its default all the same where it is refused, so that its type need not say so. */
  readonly keepsDefault?: boolean;
  /** With this value of another setting it may be left out, though it is required. */
  readonly optionalWith?: Condition;
  /** Never set: carries the type of the value, for {@link ConfigOf}. */
  readonly value?: T;
}

/** A value of another setting, by its flag; that one stands earlier in the schema and has a default. */
export interface Condition {
  readonly flag: string;
  /** Or one of several. */
  readonly value: string | readonly string[];
}

/** The settings of one command, in the order of its help. */
export type Schema = Readonly<Record<string, OptionSpec<unknown>>>;

/** The validated settings of a schema. */
export type ConfigOf<S extends Schema> = {
  readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never;
};

interface Text {
  readonly flag: string;
  readonly short?: string;
  readonly description: string;
}

/** A setting that must be given. */
export function required<T>(kind: Kind<T>, text: Text): OptionSpec<T> {
  return { ...text, kind, default: undefined, shape: 'required' };
}

/** A setting that may be left out. */
export function optional<T>(kind: Kind<T>, text: Text): OptionSpec<T | undefined> {
  return { ...text, kind, default: undefined, shape: 'optional' };
}

/** A setting with a default, written as the user would write it. */
export function withDefault<T>(kind: Kind<T>, value: string, text: Text): OptionSpec<T> {
  return { ...text, kind, default: value, shape: 'optional' };
}

/** A setting that may be given several times; in the environment, separated by commas. */
export function listOf<T>(kind: Kind<T>, values: readonly string[], text: Text): OptionSpec<readonly T[]> {
  return { ...text, kind, default: values, shape: 'list' };
}

/** A setting that must be given, once or several times. */
export function requiredListOf<T>(kind: Kind<T>, text: Text): OptionSpec<readonly T[]> {
  return { ...text, kind, default: undefined, shape: 'list' };
}

/** A flag without a value: present or not. In the environment and the file `true` or `false`. */
export function switchOf(kind: Kind<boolean>, text: Text): OptionSpec<boolean> {
  return { ...text, kind, default: 'false', shape: 'switch' };
}

/** Whether a command does not start without it. */
export function isRequired(option: OptionSpec<unknown>): boolean {
  return option.shape === 'required' || (option.shape === 'list' && option.default === undefined);
}

/** A setting that there is only with a certain value of another one: `undefined` without it. */
export function onlyWith<T>(condition: Condition, option: OptionSpec<T>): OptionSpec<T | undefined> {
  return { ...option, onlyWith: [condition, ...(option.onlyWith ?? [])] };
}

/** A setting that is refused without a certain value of another one, and then has its default, or is an empty list. */
export function givenOnlyWith<T>(condition: Condition, option: OptionSpec<T>): OptionSpec<T> {
  return { ...option, onlyWith: [condition, ...(option.onlyWith ?? [])], keepsDefault: true };
}

/** The same of several settings. None of them may be required, unless it is a list. */
export function allOnlyWith<S extends Schema>(condition: Condition, schema: S): S {
  const entries = Object.entries(schema).map(([key, option]) => [key, givenOnlyWith(condition, option)]);
  return Object.fromEntries(entries) as S;
}

/** A setting that must be given unless another one has a certain value. */
export function requiredUnless<T>(condition: Condition, kind: Kind<T>, text: Text): OptionSpec<T | undefined> {
  return { ...required(kind, text), optionalWith: condition };
}

/** `ca-address` as an environment variable: `SIDECERT_CA_ADDRESS`. */
export function environmentName(flag: string): string {
  return `SIDECERT_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** `ca-address` as a key of the JSON file: `caAddress`. */
export function configKey(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
