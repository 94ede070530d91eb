/** How a line stands out. */
export type Emphasis = 'good' | 'warning' | 'bad' | 'title' | 'faint';

/** Of SGR, as every terminal has them. (ECMA-48 §8.3.117) */
const CODES: Readonly<Record<Emphasis, string>> = { good: '32', warning: '33', bad: '31', title: '1', faint: '2' };

/** Paints words for a terminal, or leaves them as they are. */
export class Style {
  /** `hasColours`: the reader is a terminal, and does not ask for none. */
  constructor(private readonly hasColours: boolean) {}

  paint(emphasis: Emphasis, text: string): string {
    return this.hasColours ? `\u001b[${CODES[emphasis]}m${text}\u001b[0m` : text;
  }
}
