import type { ForeignVariable } from './foreign-variables.js';
import type { Headings } from './help-headings.js';
import type { FileFacts } from './kinds.js';
import type { ConfigOf, Schema } from './option.js';

/** The groups of commands, in the order of the help. */
export const COMMAND_PURPOSES = ['Run', 'Set up', 'Look into it', 'Try and measure', 'The program itself'] as const;

export type CommandPurpose = (typeof COMMAND_PURPOSES)[number];

/** One command of the program: what it is for and what can be set. */
export interface CommandSpec<S extends Schema = Schema> {
  readonly summary: string;
  /** The group of commands that it stands in. */
  readonly purpose: CommandPurpose;
  readonly schema: S;
  /** The groups of its flags; left out, they are few enough for one. */
  readonly headings?: Headings;
  readonly example: string;
  /** Flags whose values may stand without them, in this order; of fewer values, the last of these flags have them. */
  readonly operands?: readonly string[];
  /** Groups of flags of which one counts: those from a weaker source than another of them are left aside. */
  readonly alternatives?: readonly (readonly string[])[];
  /** Variables of another program that count where nothing of our own is set. */
  readonly foreign?: readonly ForeignVariable[];
  /** What no single setting shows: settings that need one another. One text per problem. */
  check?(config: ConfigOf<S>, files: FileFacts): readonly string[];
}
