import { clipped } from '../text/index.js';

/** Longer texts are no words for a terminal. */
const MAX_TEXT_CHARS = 400;

/**
 * A part of a JSON document of another process, read without trust: what is missing or of another kind is `undefined`,
 * and texts are on one line, without characters that control a terminal.
 */
export class JsonSection {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.values = isObject ? (value as Record<string, unknown>) : {};
  }

  has(name: string): boolean {
    return Object.hasOwn(this.values, name) && this.values[name] !== null;
  }

  names(): string[] {
    return Object.keys(this.values).map((name) => clipped(name, MAX_TEXT_CHARS));
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' ? clipped(value, MAX_TEXT_CHARS) : undefined;
  }

  /** As it is, when it is no longer than that: for what is not shown. */
  longText(name: string, maxChars: number): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' && value.length <= maxChars ? value : undefined;
  }

  longTexts(name: string, maxChars: number): readonly string[] {
    const value = this.value(name);
    if (!Array.isArray(value)) return [];
    return value.filter((element) => typeof element === 'string' && element.length <= maxChars);
  }

  number(name: string): number | undefined {
    const value = this.value(name);
    return typeof value === 'number' ? value : undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    return typeof value === 'boolean' ? value : undefined;
  }

  /** Epoch milliseconds of a time of RFC 3339. */
  timeMs(name: string): number | undefined {
    const ms = Date.parse(this.text(name) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  }

  section(name: string): JsonSection | undefined {
    return this.has(name) ? new JsonSection(this.values[name]) : undefined;
  }

  list(name: string): readonly JsonSection[] {
    const value = this.value(name);
    return Array.isArray(value) ? value.map((element) => new JsonSection(element)) : [];
  }

  texts(name: string): readonly string[] {
    const value = this.value(name);
    if (!Array.isArray(value)) return [];
    return value.filter((element) => typeof element === 'string').map((text) => clipped(text, MAX_TEXT_CHARS));
  }

  /** `undefined`, too, for a member that every object has. */
  private value(name: string): unknown {
    return this.has(name) ? this.values[name] : undefined;
  }
}
