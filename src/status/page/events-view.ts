import { adviceOf, type JsonSection } from '../../explain/index.js';
import { code, counted, moment, peerText, section, toned } from './parts.js';
import { type Child, element, type ViewElement } from './view-node.js';

/** What fits on a screen; `/status` has what came before. */
const MAX_SHOWN = 30;

interface Happening {
  readonly atMs: number;
  readonly key: string;
  readonly children: readonly Child[];
}

/** What has happened, newest first: a log, whose new lines screen readers tell when they have nothing else to say. */
export function eventsView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const history = page.section('history');
  if (history === undefined) return undefined;
  const all = [
    ...happenings(history, 'leaves', rotation),
    ...happenings(history, 'failures', failed),
    ...happenings(history, 'rejections', rejected),
    ...happenings(history, 'bundles', rootsChanged),
  ];
  const items = all
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, MAX_SHOWN)
    .map(({ atMs, key, children }) => element('li', { 'data-key': key }, moment(atMs, nowMs), ' ', ...children));
  // New lines alone: the ages of all others change with each look.
  const attributes = { role: 'log', 'aria-label': 'Events', 'aria-relevant': 'additions' };
  const list = items.length === 0 ? undefined : element('div', attributes, element('ol', {}, ...items));
  return section('events', 'Events', list ?? element('p', { class: 'faint' }, 'none yet'));
}

function happenings(history: JsonSection, kind: string, show: (event: JsonSection) => readonly Child[]): Happening[] {
  return history.list(kind).flatMap((event, index) => {
    const atMs = event.timeMs('last_at') ?? event.timeMs('at');
    if (atMs === undefined) return [];
    // The newest comes first, and older ones are forgotten: only the moment names it.
    const subject = ['serial', 'spiffe_id', 'node_id', 'version', 'code'].map((name) => event.text(name) ?? '').join();
    return { atMs, key: `${kind} ${event.text('at')} ${subject || index}`, children: show(event) };
  });
}

function rotation(event: JsonSection): readonly Child[] {
  const serial = event.text('serial');
  return [
    toned('good', 'new certificate'),
    ' of ',
    peerText(event.text('spiffe_id') ?? 'a workload without SPIFFE ID'),
    ...(serial === undefined ? [] : [', serial ', code(serial)]),
  ];
}

function failed(event: JsonSection): readonly Child[] {
  const name = event.text('code') ?? '';
  const count = event.number('count') ?? 1;
  return [
    toned('bad', name),
    count > 1 ? `, ${count} in a row` : undefined,
    ' of ',
    peerText(event.text('spiffe_id') ?? ''),
    ': ',
    peerText(event.text('error') ?? ''),
    element('span', { class: 'faint' }, `; to do: ${adviceOf(name)}`),
  ];
}

function rejected(event: JsonSection): readonly Child[] {
  return [
    toned('bad', 'rejected'),
    ` ${event.texts('names').join(', ')} by `,
    peerText(event.text('node_id') ?? 'an Envoy without node id'),
    ': ',
    peerText(event.text('error') ?? ''),
  ];
}

function rootsChanged(event: JsonSection): readonly Child[] {
  const [added, removed] = [event.list('added').length, event.list('removed').length];
  return [
    toned('warning', 'trust bundle changed'),
    ' of ',
    peerText(event.text('trust_domain') ?? ''),
    `: ${counted(added, 'root')} added, ${removed} removed, ${event.number('root_count')} in all`,
  ];
}
