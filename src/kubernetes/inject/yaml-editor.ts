import { isMap, isPair, isScalar, isSeq, type Node, type Pair, stringify, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Change } from './change.js';
import { breakBefore, isFirstOnLine, lineEnd, lineStart, type TextEdit } from './text-edits.js';

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
    const isAlone = change.removed.length === pairs.length;
    this.remove(map, change.removed.map(placeOf), change.added.length > 0);
    if (change.added.length === 0) return;
    const texts = change.added.map(([key, value]) =>
      map.flow === true
        ? `${JSON.stringify(key)}: ${this.flow(value)}`
        : yamlText({ [key]: value }, this.style).trimEnd(),
    );
    // A map that begins within a line, as an item of a list does, keeps its first field: that is mostly its name.
    const first = map.flow === true || isAlone ? undefined : this.entries(map)?.[0];
    const isItem = first !== undefined && !isFirstOnLine(this.text, first.start);
    this.insert(map, isItem ? pairs.length : 0, texts, isAlone);
  }

  private applyToList(list: YAMLSeq, change: Change & { kind: 'list' }): void {
    for (const [place, inner] of change.changed) this.apply(list.items[place], inner);
    this.remove(list, change.removed, change.inserted.length > 0);
    for (const { before, values } of change.inserted) {
      const texts = values.map((value) =>
        list.flow === true ? this.flow(value) : yamlText([value], this.style).trim(),
      );
      this.insert(list, before, texts, change.removed.length === list.items.length && change.inserted.length === 1);
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

  /**
   * Puts entries, written without indent, before the one at `place`; at the end when there are not so many. `isAlone`
   * says that all that are there will go.
   */
  private insert(collection: YAMLMap | YAMLSeq, place: number, texts: readonly string[], isAlone: boolean): void {
    const entries = this.entries(collection);
    const last = entries?.at(-1);
    if (entries === undefined || last === undefined) {
      if (collection.flow === true) this.put((collection.range?.[0] ?? 0) + 1, texts.join(', '));
      else this.isComplete = false;
    } else if (collection.flow === true) this.insertInFlow(entries[place], last, texts.join(', '), isAlone);
    else this.insertLines(entries[place], last, texts, isAlone);
  }

  private insertInFlow(next: Entry | undefined, last: Entry, text: string, isAlone: boolean): void {
    if (next === undefined) this.put(last.end, isAlone ? text : `, ${text}`);
    else this.put(next.start, isAlone ? text : `${text},${this.gapBefore(next.start)}`);
  }

  private insertLines(next: Entry | undefined, last: Entry, texts: readonly string[], isAlone: boolean): void {
    const { newline } = this.style;
    const indent = ' '.repeat(last.start - lineStart(this.text, last.start));
    const block = texts.map((text) => this.indented(text, indent)).join(newline + indent);
    const end = lineEnd(this.text, last.end);
    const afterBreak = this.text.indexOf('\n', end) + 1;
    if (next === undefined && afterBreak === 0) this.put(end, `${newline}${indent}${block}`);
    else if (next === undefined) this.put(afterBreak, `${indent}${block}${newline}`);
    else if (isFirstOnLine(this.text, next.start)) {
      this.put(this.startWithComments(next.start), `${indent}${block}${newline}`);
    } else this.put(next.start, isAlone ? block : `${block}${newline}${indent}`);
  }

  /** Removes these entries; `isRefilled` says that others come in their place, so that all of them may go. */
  private remove(collection: YAMLMap | YAMLSeq, places: readonly number[], isRefilled: boolean): void {
    if (places.length === 0) return;
    const entries = this.entries(collection);
    if (entries === undefined) return;
    const gone = new Set(places);
    for (const place of places) {
      if (gone.has(place - 1)) continue;
      let end = place;
      while (gone.has(end)) end += 1;
      const [first, last, before, next] = [entries[place], entries[end - 1], entries[place - 1], entries[end]];
      if (first === undefined || last === undefined) this.isComplete = false;
      else if (collection.flow === true)
        this.cut(next ? first.start : (before?.end ?? first.start), next?.start ?? last.end);
      else if (next === undefined && before === undefined && !isRefilled) this.isComplete = false;
      else this.removeLines(first, last, next);
    }
  }

  /** Removes entries of a block, with the lines that they begin; the comments above the next one are its own. */
  private removeLines(first: Entry, last: Entry, next: Entry | undefined): void {
    const isWithinLine = !isFirstOnLine(this.text, first.start);
    const start = isWithinLine ? first.start : lineStart(this.text, first.start);
    if (next !== undefined) this.cut(start, isWithinLine ? next.start : this.startWithComments(next.start));
    else if (isWithinLine) this.cut(start, last.end);
    else {
      // With its line break, or with the one before it where the text ends.
      const end = lineEnd(this.text, last.end);
      const afterBreak = this.text.indexOf('\n', end) + 1;
      if (afterBreak > 0) this.cut(start, afterBreak);
      else this.cut(breakBefore(this.text, start), end);
    }
  }

  private cut(start: number, end: number): void {
    this.edits.push({ start, end, text: '' });
  }

  private put(at: number, text: string): void {
    this.edits.push({ start: at, end: at, text });
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
