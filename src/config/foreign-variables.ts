import type { FileFacts } from './kinds.js';

/** A setting of another program, by its environment variable, and what it means for a command of ours. */
export interface ForeignVariable {
  /** `CA_HEADER_*` stands for all that begin so. With dashes in front it is a flag of that program. */
  readonly name: string;
  /** What the other program takes where it is unset; empty for nothing. */
  readonly default: string;
  /** For the reference. */
  readonly here: string;
  /** Its default counts, too, when we are called by the command line of that program. */
  readonly impliesDefault?: boolean;
  readonly read: (value: string, surroundings: ForeignSurroundings) => ForeignReading;
}

export interface ForeignSurroundings {
  /** The name that is set: what the star of {@link ForeignVariable.name} stands for is in it. */
  readonly name: string;
  readonly environment: Environment;
  readonly files: FileFacts;
  /** Whether one of our own sources sets a flag. */
  readonly isSet: (flag: string) => boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a value means. Nothing of it counts where the first flag is set by a source of our own. */
export type ForeignReading =
  | {
      readonly kind: 'sets';
      readonly settings: readonly [ForeignSetting, ...ForeignSetting[]];
      /** Something else of the value means nothing to us. */
      readonly isPartlyIgnored?: boolean;
    }
  /** We do so anyway. */
  | { readonly kind: 'same' }
  /** It means nothing to us. */
  | { readonly kind: 'ignored' }
  /** We cannot do so, and to go on would be wrong. `flag` is what could be set instead. */
  | { readonly kind: 'refused'; readonly flag?: string; readonly expected: string };

export interface ForeignSetting {
  readonly flag: string;
  readonly text: string;
}

/** A command line of the other program, taken apart. */
export interface ForeignArguments {
  /** Flags that mean something here, by their names with dashes. */
  readonly values: Environment;
  /** Names of those that do not. */
  readonly ignored: readonly string[];
}

export interface ForeignSettings {
  /** By our flags. */
  readonly settings: ReadonlyMap<string, { readonly where: string; readonly texts: readonly string[] }>;
  readonly problems: readonly string[];
  /** Names of variables and flags that are set and mean nothing here. Never their values. */
  readonly ignored: readonly string[];
}

export interface ForeignSources {
  readonly environment: Environment;
  readonly files: FileFacts;
  readonly foreignArguments?: ForeignArguments;
  /** Whether one of our own sources sets a flag. */
  readonly isSet: (flag: string) => boolean;
}

/** What another program's variables set, in the order of the table: the first that sets a flag counts. */
export function readForeign(variables: readonly ForeignVariable[], sources: ForeignSources): ForeignSettings {
  const { environment, foreignArguments, files, isSet } = sources;
  const settings = new Map<string, { readonly where: string; readonly texts: string[] }>();
  const problems: string[] = [];
  const ignored: string[] = [...(foreignArguments?.ignored ?? [])];
  const all = { ...environment, ...foreignArguments?.values };
  for (const variable of variables) {
    for (const [name, value] of valuesOf(variable, all, foreignArguments !== undefined)) {
      const reading = variable.read(value, { name, environment, files, isSet });
      if (reading.kind === 'ignored' && value !== variable.default) ignored.push(name);
      if (reading.kind === 'refused' && !isSet(reading.flag ?? '')) {
        problems.push(`${name}: got ${JSON.stringify(value)}, expected ${reading.expected}`);
      }
      if (reading.kind === 'sets' && !isSet(reading.settings[0].flag)) {
        if (reading.isPartlyIgnored === true) ignored.push(name);
        for (const setting of reading.settings) if (!isSet(setting.flag)) add(setting, variable.name, settings);
      }
    }
  }
  return { settings, problems, ignored };
}

function valuesOf({ name, default: value, impliesDefault }: ForeignVariable, all: Environment, isTheirs: boolean) {
  const isPrefix = name.endsWith('*');
  const prefix = name.slice(0, -1);
  const names = isPrefix ? Object.keys(all).filter((one) => one.startsWith(prefix) && one !== prefix) : [name];
  return names
    .map((one): [string, string] => [one, all[one] || (isTheirs && impliesDefault === true ? value : '')])
    .filter(([, text]) => text !== '');
}

function add(
  { flag, text }: ForeignSetting,
  where: string,
  settings: Map<string, { readonly where: string; readonly texts: string[] }>,
): void {
  const known = settings.get(flag);
  if (known === undefined) settings.set(flag, { where, texts: [text] });
  else if (known.where === where) known.texts.push(text);
}
