/**
 * A name of Kubernetes, or a pattern of names, in which `*` stands for any characters, none included.
 */
export class NamePattern {
  /** What lies between the `*`; one part of a whole name. */
  private readonly parts: readonly string[];

  constructor(readonly text: string) {
    this.parts = text.split('*');
  }

  get isExact(): boolean {
    return this.parts.length === 1;
  }

  /** In one pass, each part at its first place: what a later place allows, the first allows, too. */
  matches(name: string): boolean {
    if (this.isExact) return this.text === name;
    const first = this.parts[0] ?? '';
    const last = this.parts.at(-1) ?? '';
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
    const end = name.length - last.length;
    let at = first.length;
    for (const part of this.parts.slice(1, -1)) {
      const found = name.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  }

  /** Below zero when this one is the more specific: a whole name, else the one with more characters beside `*`. */
  compare(other: NamePattern): number {
    if (this.isExact !== other.isExact) return this.isExact ? -1 : 1;
    return other.literalCount - this.literalCount;
  }

  private get literalCount(): number {
    return this.text.length - (this.parts.length - 1);
  }
}
