import { pastEvents } from '../status/shown-envoys.js';
import type { Judgement } from './judgement.js';
import type { Side } from './side.js';

/** What has changed, and when. */
export interface Change {
  readonly label: string;
  /** By the clock of that side, epoch milliseconds. */
  readonly atMs: number;
  readonly text: string;
}

/** What is told of each side when nothing speaks of the fault itself. */
const MAX_OTHERS = 3;

/**
 * What of the past of both sides belongs to a fault: roots and leaves that it is about, refusals of Envoys where it is
 * one, clock jumps where it is one of time, failed renewals where there is no valid certificate. Else the last changes.
 */
export function changesBehind({ symptom, fingerprints = [] }: Judgement, sides: readonly Side[]): Change[] {
  const certain = sides.flatMap((side) => {
    const history = side.page.section('history');
    const events = history === undefined ? [] : pastEvents(history);
    return events
      .filter((event) => isAbout(event.kind, event.fingerprints, symptom, fingerprints))
      .map((event) => ({ ...event, label: side.label }));
  });
  if (certain.length > 0) return [...newestFirst(certain), ...starts(sides)];
  const others = newestFirst(
    sides.flatMap((side) => {
      const history = side.page.section('history');
      const events = history === undefined ? [] : pastEvents(history).slice(0, MAX_OTHERS);
      return events.map((event) => ({ ...event, label: side.label }));
    }),
  );
  return [...others, ...starts(sides)];
}

/** An agent that has started lately has forgotten what was before. */
const LATELY_MS = 3_600_000;

function starts(sides: readonly Side[]): Change[] {
  return sides.flatMap(({ label, nowMs, page }) => {
    const atMs = page.section('history')?.timeMs('since');
    if (atMs === undefined || nowMs - atMs > LATELY_MS) return [];
    return [{ label, atMs, text: 'the agent started: it knows nothing of before' }];
  });
}

/** Which kinds of events tell of a symptom, whatever certificate it is about. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'envoy-refused': ['rejection'],
  'certificate-expired': ['clock', 'failure'],
  'certificate-early': ['clock'],
  'clock-skew': ['clock'],
  revoked: ['revocation'],
  'crl-unusable': ['revocation'],
  'renewal-failing': ['failure'],
};

function isAbout(
  kind: string,
  ofEvent: readonly string[],
  symptom: string | undefined,
  wanted: readonly string[],
): boolean {
  if (ofEvent.some((one) => wanted.includes(one))) return true;
  const kinds =
    KINDS[symptom ?? ''] ?? (/^(?:token|ca|csr|answer|identity|no-certificate)/.test(symptom ?? '') ? ['failure'] : []);
  return kinds.includes(kind);
}

function newestFirst(changes: readonly (Change & { readonly kind: string })[]): Change[] {
  return changes
    .map(({ label, atMs, text }) => ({ label, atMs, text }))
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, 2 * MAX_OTHERS);
}
