import { type SymptomId, symptomOf } from '../../symptoms/index.js';
import { clipped } from '../../text/index.js';
import type { Emphasis, Style } from '../style.js';
import { distanceText } from '../time-words.js';
import type { Judgement } from './judgement.js';
import type { Direction, Handshake } from './play.js';
import type { Side } from './side.js';

const WORDS: Readonly<Record<Judgement['verdict'], readonly [word: string, emphasis: Emphasis]>> = {
  ok: ['ok', 'good'],
  warn: ['WARN', 'warning'],
  fail: ['FAIL', 'bad'],
  unknown: ['?', 'faint'],
};

const VERDICT_WIDTH = 6;
const RULE_WIDTH = 14;

/** Names of roots and texts of Envoys are quoted, but not without end. */
const MAX_TEXT_CHARS = 700;

const PAGE = 'docs/troubleshooting.md';

/** A handshake for people, as lines. Pure. */
export function shownHandshake(handshake: Handshake, sides: readonly Side[], style: Style): string[] {
  const { directions, common, first } = handshake;
  return [
    ...sides.map((side) => `${style.paint('title', side.label)}  ${side.spiffeId ?? 'no SPIFFE ID'} (${side.where})`),
    ...directions.flatMap((direction) => ['', ...directionLines(direction, style)]),
    '',
    style.paint('title', 'Both'),
    ...common.map((one) => judgementLine(one, style)),
    '',
    ...(first === undefined
      ? [style.paint('good', verdictOf(handshake))]
      : firstLines(first, { sides, alsoSeen: common.filter(({ verdict }) => verdict === 'warn'), style })),
  ];
}

/** That nothing fails, and how certain that is. */
function verdictOf({ directions, common }: Handshake): string {
  const all = [...directions.flatMap(({ judgements }) => judgements), ...common];
  const isOpen = all.some(({ verdict }) => verdict === 'unknown');
  const isOdd = all.some(({ verdict }) => verdict === 'warn');
  const warned = isOdd ? '; look at what is under WARN' : '';
  if (isOpen) return `no rule fails that can be looked at; those with a ? cannot${warned}`;
  return isOdd ? `no rule fails${warned}` : 'no rule fails: the handshake should succeed';
}

function directionLines({ shown, verifier, part, judgements }: Direction, style: Style): string[] {
  return [
    style.paint('title', `${verifier.label} verifies ${shown.label}, its ${part}`),
    ...judgements.map((one) => judgementLine(one, style)),
  ];
}

function judgementLine({ rule, verdict, text }: Judgement, style: Style): string {
  const [word, emphasis] = WORDS[verdict];
  return `  ${style.paint(emphasis, word.padEnd(VERDICT_WIDTH))}${rule.padEnd(RULE_WIDTH)}${clipped(text, MAX_TEXT_CHARS)}`;
}

interface Surroundings {
  readonly sides: readonly Side[];
  /** What is odd besides, and may be the cause. */
  readonly alsoSeen: readonly Judgement[];
  readonly style: Style;
}

function firstLines(first: NonNullable<Handshake['first']>, { sides, alsoSeen, style }: Surroundings): string[] {
  const { judgement, where, changes } = first;
  const place = where === undefined ? 'for both' : `where ${where.verifier.label} verifies ${where.shown.label}`;
  const clock = new Map(sides.map(({ label, nowMs }) => [label, nowMs]));
  return [
    style.paint('bad', `The first rule that fails, ${place}: ${judgement.rule}`),
    `  ${clipped(judgement.text, MAX_TEXT_CHARS)}`,
    ...(judgement.symptom === 'clock-skew' ? [] : alsoSeen.map(({ text }) => `  and ${text}`)),
    ...adviceLines(judgement.symptom),
    ...(changes.length === 0 ? [] : ['', style.paint('title', 'What has changed before')]),
    ...changes.map(({ label, atMs, text }) => {
      const time = new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
      return `  ${label}  ${time} (${distanceText(atMs, clock.get(label) ?? atMs)})  ${clipped(text, MAX_TEXT_CHARS)}`;
    }),
  ];
}

function adviceLines(id: SymptomId | undefined): string[] {
  if (id === undefined) return [];
  const { symptom, cause, advice } = symptomOf(id);
  return ['', `  ${symptom}`, `  cause: ${cause}`, `  what to do: ${advice}`, `  see ${PAGE}#${id}`];
}

/** A handshake for programs. Pure. */
export function handshakeDocument({ directions, common, first }: Handshake, sides: readonly Side[]) {
  const told = ({ rule, verdict, text, symptom }: Judgement) => ({ rule, verdict, text, symptom });
  return {
    verdict: first === undefined ? 'ok' : 'fail',
    sides: sides.map(({ label, spiffeId, where, nowMs }) => ({
      ...{ side: label, spiffe_id: spiffeId, source: where, now: new Date(nowMs).toISOString() },
    })),
    directions: directions.map(({ shown, verifier, part, judgements }) => ({
      ...{ shown: shown.label, verifier: verifier.label, part, rules: judgements.map(told) },
    })),
    common: common.map(told),
    first_failure: first && {
      ...told(first.judgement),
      ...(first.where && { verifier: first.where.verifier.label, shown: first.where.shown.label }),
      ...(first.judgement.symptom && {
        ...symptomOf(first.judgement.symptom),
        see: `${PAGE}#${first.judgement.symptom}`,
      }),
      // The text of what was met is under `text`; `symptom` stays the name of the entry.
      symptom: first.judgement.symptom,
      changes: first.changes.map(({ label, atMs, text }) => ({ side: label, at: new Date(atMs).toISOString(), text })),
    },
  };
}
