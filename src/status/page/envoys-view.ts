import { distanceText, type JsonSection } from '../../explain/index.js';
import { code, counted, facts, lines, moment, peerText, section, type TableRow, table, toned } from './parts.js';
import { type Child, element, type ViewElement } from './view-node.js';

/** Of each kind: an agent of 5 000 streams has a page of the same size as one of 50. */
const MAX_SHOWN = 50;

/** The Envoys on the socket: streams by the name that they want, what they refused, and who they say they are. */
export function envoysView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const sds = page.section('sds');
  if (sds === undefined) return undefined;
  const socket = sds.section('socket');
  const names = sds.list('names').map((name) => nameRow(name, nowMs));
  const never = sds.list('never_served').slice(0, MAX_SHOWN);
  return section(
    'envoys',
    'Envoys',
    facts([
      ['Connections', String(sds.number('connections') ?? 0)],
      ['Streams', String(sds.number('streams') ?? 0)],
      ['Socket', socket && socketText(socket)],
      ['Last connection', moment(sds.timeMs('last_connection'), nowMs)],
    ]),
    table('Each served name, and the streams that want it', ['Name', 'Version', 'Streams', 'Last rejection'], names),
    table(
      'Names that are never served: compare sds_config of these Envoys',
      ['Name', 'Streams'],
      never.map((one) => ({
        key: one.text('name') ?? '',
        cells: [peerText(one.text('name') ?? ''), String(one.number('streams') ?? 0)],
      })),
    ),
    ...subscribersView(sds, nowMs),
  );
}

function socketText(socket: JsonSection): ViewElement {
  const error = socket.text('error');
  const who = `mode ${socket.text('mode')}, uid ${socket.number('uid')}, gid ${socket.number('gid')}`;
  return element('span', {}, code(socket.text('path')), ' ', error === undefined ? who : toned('bad', error));
}

function nameRow(name: JsonSection, nowMs: number): TableRow {
  const versions = name.number('versions') ?? 0;
  const text = name.text('name') ?? '';
  return {
    key: text,
    cells: [
      peerText(text),
      versions > 1 ? `${versions} versions` : (code(name.text('version')) ?? 'no version'),
      standing(name.section('streams')),
      rejection(name.section('last_rejection'), nowMs) ?? '–',
    ],
  };
}

/** How many streams stand how. */
function standing(streams: JsonSection | undefined): Child {
  const counts = (streams?.names() ?? [])
    .map((state) => ({ state, count: streams?.number(state) ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => stateText(state, `${count} ${state}`));
  return counts.length === 0 ? 'no stream wants it' : lines(...counts);
}

function stateText(state: string, text: string): Child {
  if (state === 'applied') return toned('good', text);
  return state === 'rejected' || state === 'not_served' ? toned('bad', text) : text;
}

/** The text is Envoy's own. */
function rejection(of: JsonSection | undefined, nowMs: number): ViewElement | undefined {
  if (of === undefined) return undefined;
  const atMs = of.timeMs('at');
  const age = atMs === undefined ? '' : ` ${distanceText(atMs, nowMs)}`;
  const blames = of.text('blames');
  return element(
    'div',
    {},
    element('div', {}, toned('bad', `rejected ${of.text('version') ?? ''}${age}`)),
    element('div', {}, peerText(of.text('error') ?? '')),
    blames === undefined ? undefined : element('div', { class: 'faint' }, `it speaks of the ${blames}`),
  );
}

function subscribersView(sds: JsonSection, nowMs: number): Child[] {
  const all = sds.list('subscribers');
  if (all.length === 0) return [];
  const shown = all.slice(0, MAX_SHOWN);
  const count = Math.max(sds.number('subscriber_count') ?? 0, all.length);
  const left = count > shown.length ? `, ${shown.length} of them shown, those in trouble first` : '';
  const rows = shown.map((one, index) => subscriberRow(one, index, nowMs));
  const headings = ['Node id', 'Connections', 'Names'];
  return [
    element(
      'details',
      { 'data-key': 'subscribers' },
      element('summary', {}, `${counted(count, 'subscriber')}${left}`),
      table('Each node id with its streams; a node id is not an identity', headings, rows),
    ),
  ];
}

function subscriberRow(one: JsonSection, index: number, nowMs: number): TableRow {
  const nodeId = one.text('node_id') ?? '';
  const connections = one.list('connections').map((connection) => {
    const pid = connection.number('pid');
    const who = pid === undefined ? '' : `, pid ${pid}, uid ${connection.number('uid')}`;
    return `connection ${connection.number('connection')}${who}`;
  });
  const names = one.list('names').map((name) => {
    const state = name.text('state') ?? '';
    return element(
      'div',
      {},
      peerText(name.text('name') ?? ''),
      ' ',
      stateText(state, state),
      rejection(name.section('last_rejection'), nowMs),
    );
  });
  return {
    key: `${nodeId} ${index}`,
    cells: [
      nodeId === '' ? toned('warning', 'no node id') : peerText(nodeId),
      lines(counted(one.number('streams') ?? 0, 'stream'), ...connections),
      lines(...names),
    ],
  };
}
