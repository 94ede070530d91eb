import { isMap, isPair, isScalar, isSeq, type Node, type Pair, stringify, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Change } from './change.js';
import { isFirstOnLine, lineEnd, lineStart, type TextEdit } from './text-edits.js';

/** How a file is written, so that what comes into it looks alike. */
export interface YamlStyle {
  /** Whether lists stand to the right of the key that they belong to. */
  readonly indentSeq: boolean;
  readonly newline: '\n' | '\r\n';
}

export function yamlStyleOf(text: string): YamlStyle {
  return {
    indentSeq: !/^( *)(?:- )?[\w-]+: *\r?\n\1- /m.test(text) || /^( *)[\w-]+: *\r?\n\1 +- /m.test(text),
    newline: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

/** YAML that says the same to readers of YAML 1.1, as Kubernetes' is one, and of 1.2. */
export function yamlText(value: unknown, { indentSeq }: Pick<YamlStyle, 'indentSeq'>): string {
  // Long values stay on their line, and equal parts are written out: no anchors to follow.
  return stringify(value, { compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false, indentSeq });
}

/**
 * Finds the edits of a YAML text that make a change of its value, and leaves every other character as it was written:
 * comments, quotes, numbers, order, blank lines.
 */
export class YamlEditor {
  readonly edits: TextEdit[] = [];
  /** Whether each part of the change had a place; if not, the edits are of no use. */
  isComplete = true;

  constructor(
    private readonly text: string,
    private readonly style: YamlStyle,
  ) {}

  apply(node: unknown, change: Change): void {
    if (change.kind === 'object' && isMap(node)) this.applyToMap(node, change);
    else if (change.kind === 'list' && isSeq(node)) this.applyToList(node, change);
    // An alias, a merged map: what is changed here would change elsewhere, too.
    else if (change.kind !== 'same') this.isComplete = false;
  }

  private applyToMap(map: YAMLMap, change: Change & { kind: 'object' }): void {
    const pairs = map.items.filter((item) => isPair(item));
    const placeOf = (key: string): number =>
      pairs.findIndex((pair) => isScalar(pair.key) && String(pair.key.value) === key);
    for (const [key, inner] of change.changed) {
      const pair = pairs[placeOf(key)];
      if (pair === undefined) this.isComplete = false;
      else if (inner.kind === 'replace') this.replace(pair, inner.value, map.flow === true);
      else this.apply(pair.value, inner);
    }
    this.remove(map, change.removed.map(placeOf));
    if (change.added.length === 0) return;
    const texts = change.added.map(([key, value]) =>
      map.flow === true
        ? `${JSON.stringify(key)}: ${this.flow(value)}`
        : yamlText({ [key]: value }, this.style).trimEnd(),
    );
    this.insert(map, 0, texts);
  }

  private applyToList(list: YAMLSeq, change: Change & { kind: 'list' }): void {
    for (const [place, inner] of change.changed) this.apply(list.items[place], inner);
    this.remove(list, change.removed);
    for (const { before, values } of change.inserted) {
      const texts = values.map((value) =>
        list.flow === true ? this.flow(value) : yamlText([value], this.style).trim(),
      );
      this.insert(list, before, texts);
    }
  }

  private replace(pair: Pair, value: unknown, isFlow: boolean): void {
    const text = typeof value === 'object' || isFlow ? this.flow(value) : this.scalar(value);
    const node = isNode(pair.value) ? pair.value : undefined;
    if (node?.range && node.range[0] < this.contentEnd(node)) {
      this.edits.push({ start: node.range[0], end: this.contentEnd(node), text });
      return;
    }
    const colon = pair.srcToken?.sep?.find(({ type }) => type === 'map-value-ind');
    if (colon === undefined) this.isComplete = false;
    else this.edits.push({ start: colon.offset + 1, end: colon.offset + 1, text: ` ${text}` });
  }

  /** Puts entries, written without indent, before that one; at the end when there are not so many. */
  private insert(collection: YAMLMap | YAMLSeq, place: number, texts: readonly string[]): void {
    const entries = this.entries(collection);
    if (entries === undefined) return;
    const next = entries[place];
    const last = entries.at(-1);
    const put = (at: number, text: string): void => void this.edits.push({ start: at, end: at, text });
    if (collection.flow === true) {
      const joined = texts.join(', ');
      if (next !== undefined) put(next.start, `${joined},${this.gapBefore(next.start)}`);
      else if (last !== undefined) put(last.end, `, ${joined}`);
      else put((collection.range?.[0] ?? 0) + 1, joined);
      return;
    }
    if (last === undefined) {
      this.isComplete = false;
      return;
    }
    const column = last.start - lineStart(this.text, last.start);
    const indent = ' '.repeat(column);
    const block = texts.map((text) => this.indented(text, indent)).join(this.style.newline + indent);
    if (next === undefined) put(lineEnd(this.text, last.end), `${this.style.newline}${indent}${block}`);
    else if (isFirstOnLine(this.text, next.start))
      put(this.startWithComments(next.start), `${indent}${block}${this.style.newline}`);
    else put(next.start, `${block}${this.style.newline}${indent}`);
  }

  private remove(collection: YAMLMap | YAMLSeq, places: readonly number[]): void {
    if (places.length === 0) return;
    const entries = this.entries(collection);
    if (entries === undefined) return;
    const gone = new Set(places);
    for (const place of places) {
      if (gone.has(place - 1)) continue;
      let end = place;
      while (gone.has(end)) end += 1;
      this.removeRun(collection, entries, place, end);
    }
  }

  /** Removes the entries from `from` to before `to`. */
  private removeRun(collection: YAMLMap | YAMLSeq, entries: readonly Entry[], from: number, to: number): void {
    const [first, last, before, next] = [entries[from], entries[to - 1], entries[from - 1], entries[to]];
    const cut = (start: number, end: number): void => void this.edits.push({ start, end, text: '' });
    if (first === undefined || last === undefined) this.isComplete = false;
    else if (collection.flow === true) {
      if (next !== undefined) cut(first.start, next.start);
      else cut(before?.end ?? first.start, last.end);
    } else if (!isFirstOnLine(this.text, first.start)) {
      if (next === undefined) this.isComplete = false;
      else cut(first.start, next.start);
    } else if (next !== undefined) cut(lineStart(this.text, first.start), this.startWithComments(next.start));
    else if (before === undefined) this.isComplete = false;
    else {
      // With its line break, or with the one before it where the text ends.
      const end = lineEnd(this.text, last.end);
      const afterBreak = this.text.indexOf('\n', end) + 1;
      if (afterBreak > 0) cut(lineStart(this.text, first.start), afterBreak);
      else cut(lineEnd(this.text, before.end), end);
    }
  }

  /** Where each pair or item begins and ends, without the comments around it. */
  private entries(collection: YAMLMap | YAMLSeq): Entry[] | undefined {
    const found = isMap(collection)
      ? collection.items.map((pair) => this.pairEntry(pair))
      : this.itemEntries(collection);
    const known = found.filter((entry) => entry !== undefined);
    if (known.length === found.length) return known;
    this.isComplete = false;
    return undefined;
  }

  private pairEntry(pair: Pair): Entry | undefined {
    if (!isNode(pair.key) || !pair.key.range) return undefined;
    const value = isNode(pair.value) && pair.value.range ? this.contentEnd(pair.value) : 0;
    return { start: pair.key.range[0], end: Math.max(value, pair.key.range[1]) };
  }

  private itemEntries(list: YAMLSeq): (Entry | undefined)[] {
    const token = list.srcToken;
    return list.items.map((item, index) => {
      if (!isNode(item) || !item.range) return undefined;
      const end = this.contentEnd(item);
      if (list.flow === true) return { start: item.range[0], end };
      const dash =
        token?.type === 'block-seq' ? token.items[index]?.start.find(({ type }) => type === 'seq-item-ind') : undefined;
      return dash === undefined ? undefined : { start: dash.offset, end };
    });
  }

  /** Where the last character of a node is, whatever comments and breaks its parser counts to it. */
  private contentEnd(node: Node): number {
    const last = isMap(node) || isSeq(node) ? node.items.at(-1) : undefined;
    if (last !== undefined && !('flow' in node && node.flow)) {
      const entry = isPair(last) ? this.pairEntry(last) : undefined;
      if (entry !== undefined) return entry.end;
      if (isNode(last) && last.range && last.range[0] < last.range[1]) return this.contentEnd(last);
    }
    const [start = 0, end = 0] = node.range ?? [];
    return start + this.text.slice(start, end).trimEnd().length;
  }

  /** Where the comments begin that stand right above an entry. */
  private startWithComments(entryStart: number): number {
    let start = lineStart(this.text, entryStart);
    while (start > 0) {
      const before = lineStart(this.text, start - 1);
      if (!/^[ \t]*#/.test(this.text.slice(before, start))) break;
      start = before;
    }
    return start;
  }

  private gapBefore(offset: number): string {
    const start = lineStart(this.text, offset);
    return isFirstOnLine(this.text, offset) ? `${this.style.newline}${this.text.slice(start, offset)}` : ' ';
  }

  private indented(text: string, indent: string): string {
    return text.replace(/\n(?!\n)/g, `${this.style.newline}${indent}`);
  }

  private flow(value: unknown): string {
    return JSON.stringify(value);
  }

  private scalar(value: unknown): string {
    const text = yamlText(value, this.style).trimEnd();
    return text.includes('\n') ? JSON.stringify(value) : text;
  }
}

interface Entry {
  readonly start: number;
  readonly end: number;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value;
}
