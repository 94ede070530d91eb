import type { JsonValue } from './status-pages.js';

/** What an agent or a Citadel adds to the pages that both have. */
export interface StatusPage {
  /** Why it cannot serve yet, for people; `undefined` when it can. */
  notReady(): string | undefined;
  /** Brings its gauges up to now. */
  collect(): void;
  /** Its sections of `/status`, by name. */
  sections(): Readonly<Record<string, JsonValue>>;
}
