import type { AgentMember, Member, Step } from './member.js';

/** Whose step could not be written, and why. */
export interface Refusal {
  readonly name: string;
  readonly reason: string;
}

/** Agents that move together, where they are found and where their step is kept. */
export interface MigrationSet {
  /** As they are now. Those that give no answer are among them. */
  members(): Promise<readonly Member[]>;
  /** Writes the step where these agents read it, now and after they start again. */
  take(step: Step, movers: readonly AgentMember[]): Promise<readonly Refusal[]>;
}
