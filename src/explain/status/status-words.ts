import type { JsonSection } from '../json-section.js';
import type { Emphasis, Style } from '../style.js';
import { distanceText, lengthText } from '../time-words.js';

/** A line, which may have a label; without a text it is left out. */
export type Row = readonly [label: string, text: string | undefined];

/** Wide enough for `last certificate`. */
const LABEL_WIDTH = 18;

/** How the parts of a page are worded for a terminal. Pure: `nowMs` is epoch milliseconds. */
export class StatusWords {
  constructor(
    readonly nowMs: number,
    private readonly style: Style,
  ) {}

  paint(emphasis: Emphasis, text: string): string {
    return this.style.paint(emphasis, text);
  }

  failure(failure: JsonSection | undefined, inARow?: number): string | undefined {
    if (failure === undefined) return undefined;
    const count = inARow !== undefined && inARow > 1 ? `, ${inARow} in a row` : '';
    const text = `${failure.text('code')} ${this.age(failure)}${count}: ${failure.text('error')}`;
    return this.paint(inARow === 0 ? 'faint' : 'bad', text);
  }

  age(event: JsonSection): string {
    const atMs = event.timeMs('at');
    return atMs === undefined ? 'at an unknown time' : distanceText(atMs, this.nowMs);
  }

  lifeLeft(endMs: number | undefined): string | undefined {
    if (endMs === undefined) return undefined;
    const isOver = endMs <= this.nowMs;
    const text = isOver ? `none, it expired ${distanceText(endMs, this.nowMs)}` : lengthText(endMs - this.nowMs);
    return `${isOver ? this.paint('bad', text) : text} ${this.faint(`(${isoTime(endMs)})`)}`;
  }

  moment(ms: number | undefined): string | undefined {
    return ms === undefined ? undefined : `${distanceText(ms, this.nowMs)} ${this.faint(`(${isoTime(ms)})`)}`;
  }

  rows(rows: readonly Row[]): string[] {
    return rows.flatMap(([label, text]) => (text === undefined ? [] : [`  ${label.padEnd(LABEL_WIDTH)}${text}`]));
  }

  title(text: string): string {
    return this.paint('title', text);
  }

  faint(text: string): string {
    return this.paint('faint', text);
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
