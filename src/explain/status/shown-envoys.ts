import type { JsonSection } from '../json-section.js';
import { distanceText } from '../time-words.js';
import type { Row, StatusWords } from './status-words.js';

/** Envoys in a list of their own; more are for `--output json`. */
const MAX_ENVOYS = 20;

/** How a state is told: without trouble it is faint. */
const STATES: Readonly<Record<string, string>> = {
  rejected: 'rejected',
  not_served: 'never served',
  unanswered: 'sent, no answer yet',
  waiting: 'waits',
  applied: 'ACKed',
};

/** Each Envoy with its peer and its names, as rows. Pure. */
export function envoyRows(sds: JsonSection, words: StatusWords): Row[] {
  const subscribers = sds.list('subscribers');
  const shown = subscribers.slice(0, MAX_ENVOYS);
  const leftOut = (sds.number('subscriber_count') ?? subscribers.length) - shown.length;
  const never = sds.list('never_served').map((one) => {
    return `${one.text('name')} (${one.number('streams')} streams)`;
  });
  return [
    ...(never.length === 0 ? [] : [['never served', words.paint('warning', never.join(', '))] as const]),
    ...shown.flatMap((subscriber) => subscriberRows(subscriber, words)),
    ...(leftOut > 0
      ? [['', words.paint('faint', `${leftOut} more Envoys; those in trouble come first`)] as const]
      : []),
  ];
}

function subscriberRows(subscriber: JsonSection, words: StatusWords): Row[] {
  const peers = subscriber.list('connections').map((connection) => {
    const [pid, uid] = [connection.number('pid'), connection.number('uid')];
    // 0: of another pid namespace.
    const process = pid === undefined || pid === 0 ? '' : `pid ${pid}, `;
    return uid === undefined ? '' : `${process}uid ${uid}`;
  });
  const [peer = ''] = peers;
  const more = peers.length > 1 ? ` and ${peers.length - 1} more` : '';
  const id = subscriber.text('node_id') ?? '';
  const name = id === '' ? 'without node id' : id;
  return [
    ['Envoy', `${name}${peer === '' ? '' : ` (${peer}${more})`}`],
    ...subscriber.list('names').map((one): Row => ['', `  ${nameText(one, words)}`]),
  ];
}

function nameText(name: JsonSection, words: StatusWords): string {
  const state = name.text('state') ?? '';
  const [acked, newest] = [name.text('acked'), name.text('version')];
  const atMs = name.timeMs('acked_at');
  const age = atMs === undefined ? '' : ` ${distanceText(atMs, words.nowMs)}`;
  const version = acked === undefined ? 'no version ACKed' : `${acked} ACKed${age}`;
  const rejection = name.section('last_rejection');
  const why = rejection === undefined ? '' : `: ${rejection.text('error')}`;
  if (state === 'applied') return `${name.text('name')}  ${words.paint('faint', version)}`;
  const behind = newest === undefined || newest === acked ? '' : `, newest is ${newest}`;
  return `${name.text('name')}  ${words.paint('warning', `${STATES[state] ?? state}; ${version}${behind}${why}`)}`;
}

/** More than this of the past is for `--output json`. */
const MAX_EVENTS = 12;

/** The recent past in one list, newest first. */
export function historyRows(history: JsonSection, nowMs: number): Row[] {
  const events = pastEvents(history).slice(0, MAX_EVENTS);
  return events.map(({ atMs, text }) => [distanceText(atMs, nowMs), text]);
}

/** One thing that has happened. */
export interface PastEvent {
  readonly kind: 'bundle' | 'leaf' | 'failure' | 'rejection' | 'revocation' | 'clock';
  readonly atMs: number;
  readonly text: string;
  /** Of the certificates that it is about, SHA-256 in hex. */
  readonly fingerprints: readonly string[];
}

/** All of the past in words, newest first. */
export function pastEvents(history: JsonSection): PastEvent[] {
  const kind = (kind: PastEvent['kind'], list: string, textOf: (event: JsonSection) => string): PastEvent[] =>
    history.list(list).map((event) => ({
      ...{ kind, atMs: event.timeMs('at') ?? Number.NaN, text: textOf(event) },
      fingerprints: [event, ...event.list('added'), ...event.list('removed')].flatMap(
        (one) => one.text('fingerprint') ?? [],
      ),
    }));
  const all = [
    ...kind('bundle', 'bundles', bundleText),
    ...kind('leaf', 'leaves', (one) => {
      return `certificate ${one.text('serial')} by ${one.text('issuer')}, until ${one.text('not_after')}`;
    }),
    ...kind('failure', 'failures', (one) => {
      const count = one.number('count') ?? 1;
      return `${one.text('code')}${count > 1 ? `, ${count} in a row` : ''}: ${one.text('error')}`;
    }),
    ...kind('rejection', 'rejections', (one) => {
      return `${one.text('node_id')} rejected ${one.texts('names').join(' ')}: ${one.text('error')}`;
    }),
    ...kind('revocation', 'revocation_lists', () => 'other revocation lists'),
    ...kind('clock', 'clock_jumps', (one) => `the clock was set by ${one.number('seconds')} s`),
  ];
  return all.filter(({ atMs }) => !Number.isNaN(atMs)).sort((a, b) => b.atMs - a.atMs);
}

function bundleText(event: JsonSection): string {
  const named = (list: string): string[] =>
    event.list(list).map((root) => `${root.text('subject')} (${root.text('fingerprint')?.slice(0, 16)})`);
  const [added, removed] = [named('added'), named('removed')];
  const parts = [
    ...(removed.length > 0 ? [`lost root ${removed.join(', ')}`] : []),
    ...(added.length > 0 ? [`got root ${added.join(', ')}`] : []),
  ];
  return `bundle of ${event.text('trust_domain')}: ${parts.join('; ') || 'the same roots in another order'}`;
}
