import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

interface RequestFacts {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly count: number;
  /** Under the names of the log, so that a search finds both. */
  readonly fields: Readonly<Record<string, string | number | readonly string[] | undefined>>;
}

/** What a Citadel has issued and refused lately, newest first. */
export interface RequestsFacts {
  readonly issuedCount: number;
  readonly refusedCount: number;
  lastIssued(): readonly RequestFacts[];
  lastRefused(): readonly RequestFacts[];
}

export function requestsSection(requests: RequestsFacts): JsonValue {
  return {
    issued_count: requests.issuedCount,
    refused_count: requests.refusedCount,
    issued: requests.lastIssued().map(({ atMs, fields }) => ({ at: timeText(atMs), ...fields })),
    refused: requests.lastRefused().map(({ atMs, count, fields }) => ({ at: timeText(atMs), count, ...fields })),
  };
}
