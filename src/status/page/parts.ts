import { adviceOf, distanceText, type JsonSection, lengthText } from '../../explain/index.js';
import { type Child, element, type ViewElement } from './view-node.js';

/** How good something is: one class each, and never by colour alone. */
type Tone = 'good' | 'warning' | 'bad' | 'faint';

/** A section with its heading, by which screen readers list it; nothing without content. */
export function section(id: string, title: string, ...children: readonly Child[]): ViewElement | undefined {
  if (children.every((child) => child === undefined)) return undefined;
  const heading = element('h2', { id }, title);
  return element('section', { 'aria-labelledby': id, 'data-key': id }, heading, ...children);
}

/** A cell with its place in the table; `key` names a row. */
export interface TableRow {
  readonly key: string;
  readonly cells: readonly Child[];
}

/**
 * A table whose first column heads its rows. On a narrow screen each row is a card: the style sheet takes the table
 * apart, so all of it has its role by name, and each cell its heading.
 */
export function table(
  caption: string,
  headings: readonly string[],
  rows: readonly TableRow[],
): ViewElement | undefined {
  if (rows.length === 0) return undefined;
  const head = headings.map((heading) => element('th', { scope: 'col', role: 'columnheader' }, heading));
  const body = rows.map(({ key, cells }) =>
    element(
      'tr',
      { role: 'row', 'data-key': key },
      ...cells.map((cell, index) =>
        index === 0
          ? element('th', { scope: 'row', role: 'rowheader' }, cell)
          : element('td', { role: 'cell', 'data-label': headings[index] }, cell),
      ),
    ),
  );
  return element(
    'table',
    { role: 'table' },
    element('caption', {}, caption),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...head)),
    element('tbody', { role: 'rowgroup' }, ...body),
  );
}

/** Names with what stands behind them; those without are left out. */
export function facts(rows: readonly (readonly [name: string, value: Child])[]): ViewElement | undefined {
  const present = rows.filter(([, value]) => value !== undefined);
  if (present.length === 0) return undefined;
  const pairs = present.map(([name, value]) =>
    element('div', { 'data-key': name }, element('dt', {}, name), element('dd', {}, value)),
  );
  return element('dl', {}, ...pairs);
}

export function toned(tone: Tone, text: string): ViewElement {
  return element('span', { class: tone }, text);
}

/** What another side has a hand in: it cannot turn the direction of the text around it. */
export function peerText(text: string): ViewElement {
  return element('bdi', {}, text);
}

export function code(text: string | undefined): ViewElement | undefined {
  return text === undefined ? undefined : element('code', {}, text);
}

export function lines(...children: readonly Child[]): ViewElement | undefined {
  const present = children.filter((child) => child !== undefined);
  return present.length === 0 ? undefined : element('div', {}, ...present.map((child) => element('div', {}, child)));
}

/** `in 3m (2026-12-01T11:11:36Z)`. Times are epoch milliseconds. */
export function moment(ms: number | undefined, nowMs: number): ViewElement | undefined {
  if (ms === undefined) return undefined;
  const iso = isoTime(ms);
  return element('time', { datetime: iso }, distanceText(ms, nowMs), ' ', toned('faint', `(${iso})`));
}

/** The life that is left of something, in the words of `sidecert status`. */
export function lifeLeft(endMs: number | undefined, nowMs: number): ViewElement | undefined {
  if (endMs === undefined) return undefined;
  if (endMs <= nowMs) return toned('bad', `none, it expired ${distanceText(endMs, nowMs)}`);
  const iso = isoTime(endMs);
  return element('time', { datetime: iso }, lengthText(endMs - nowMs), ' ', toned('faint', `(${iso})`));
}

/** A failure: its code, how old, how many in a row, its text, and what `sidecert doctor` says to do. */
export function failure(of: JsonSection | undefined, nowMs: number, inARow = 0): ViewElement | undefined {
  const name = of?.text('code');
  if (of === undefined || name === undefined) return undefined;
  const atMs = of.timeMs('at');
  const count = inARow > 1 ? `, ${inARow} in a row` : '';
  const when = atMs === undefined ? '' : ` ${distanceText(atMs, nowMs)}${count}`;
  return element(
    'div',
    {},
    element('div', {}, element('strong', { class: 'bad' }, name), when),
    element('div', {}, peerText(of.text('error') ?? '')),
    element('div', { class: 'faint' }, `to do: ${adviceOf(name)}`),
  );
}

/** A number with its noun. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
