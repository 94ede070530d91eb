import { Field } from '../telemetry/index.js';
import { shownCertificate } from './shown-certificate.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

interface Root {
  readonly fingerprint: string;
  readonly subject: string;
  readonly notAfterMs: number;
}

/** Of one kind, oldest first; so many before them are forgotten. */
interface Events<T> {
  readonly forgotten: number;
  list(): readonly (T & { readonly atMs: number })[];
}

/** The recent past of an agent. Times are epoch milliseconds. */
export interface HistoryFacts {
  readonly startedAtMs: number;
  readonly bundles: Events<{
    readonly trustDomain: string;
    readonly version: string;
    readonly added: readonly Root[];
    readonly removed: readonly Root[];
    readonly size: number;
  }>;
  readonly leaves: Events<{ readonly spiffeId: string | undefined; readonly der: Buffer }>;
  readonly failures: Events<{
    readonly spiffeId: string;
    readonly code: string;
    readonly message: string;
    readonly lastAtMs: number;
    readonly count: number;
  }>;
  readonly rejections: Events<{
    readonly nodeId: string;
    readonly names: readonly string[];
    readonly version: string;
    readonly text: string;
  }>;
  readonly revocations: Events<{ readonly bytes: number }>;
  readonly clock: Events<{ readonly sinceMs: number; readonly jumpMs: number }>;
  /** Looks at the clock. */
  look(): number;
}

/** The past, newest first in each list. */
export function historySection(history: HistoryFacts): JsonValue {
  history.look();
  const { startedAtMs, bundles, leaves, failures, rejections, revocations, clock } = history;
  const all = { bundles, leaves, failures, rejections, revocations, clock };
  const forgotten = Object.entries(all).filter(([, events]) => events.forgotten > 0);
  return {
    since: timeText(startedAtMs),
    bundles: newestFirst(bundles, ({ trustDomain, version, added, removed, size }) => ({
      trust_domain: trustDomain,
      [Field.version]: version,
      added: added.map(rootSection),
      removed: removed.map(rootSection),
      root_count: size,
    })),
    leaves: newestFirst(leaves, ({ spiffeId, der }) => ({ [Field.spiffeId]: spiffeId, ...shownCertificate(der) })),
    failures: newestFirst(failures, ({ spiffeId, code, message, lastAtMs, count }) => ({
      [Field.spiffeId]: spiffeId,
      [Field.code]: code,
      [Field.error]: message,
      last_at: timeText(lastAtMs),
      count,
    })),
    rejections: newestFirst(rejections, ({ nodeId, names, version, text }) => ({
      [Field.nodeId]: nodeId,
      names,
      [Field.version]: version,
      [Field.error]: text,
    })),
    revocation_lists: newestFirst(revocations, ({ bytes }) => ({ bytes })),
    clock_jumps: newestFirst(clock, ({ sinceMs, jumpMs }) => ({
      since: timeText(sinceMs),
      seconds: Math.round(jumpMs / 1000),
    })),
    ...(forgotten.length > 0 && {
      forgotten: Object.fromEntries(forgotten.map(([name, events]) => [name, events.forgotten])),
    }),
  };
}

function newestFirst<T>(events: Events<T>, show: (event: T) => Readonly<Record<string, JsonValue>>): JsonValue {
  return events
    .list()
    .map((event) => ({ at: timeText(event.atMs), ...show(event) }))
    .reverse();
}

function rootSection({ fingerprint, subject, notAfterMs }: Root): JsonValue {
  return { fingerprint, subject, [Field.notAfter]: timeText(notAfterMs) };
}
