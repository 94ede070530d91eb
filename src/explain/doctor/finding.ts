import { clipped } from '../../text/index.js';
import type { Emphasis, Style } from '../style.js';

/** What one step has found. `left-out`: it was not tried, which is neither good nor bad. */
export interface Finding {
  readonly step: string;
  readonly verdict: 'ok' | 'warn' | 'fail' | 'left-out';
  /** What was met. */
  readonly text: string;
  /** What to do, where there is something to do. */
  readonly advice?: string;
}

const SHOWN: Readonly<Record<Finding['verdict'], readonly [word: string, emphasis: Emphasis]>> = {
  ok: ['ok', 'good'],
  warn: ['WARN', 'warning'],
  fail: ['FAIL', 'bad'],
  'left-out': ['-', 'faint'],
};

/** Certificates and texts of peers are quoted, but not without end. */
const MAX_TEXT_CHARS = 600;

const VERDICT_WIDTH = 6;
const STEP_WIDTH = 14;

/** A finding as one line, fit for a terminal. */
export function findingLine({ step, verdict, text, advice }: Finding, style: Style): string {
  const [word, emphasis] = SHOWN[verdict];
  const what = advice === undefined ? text : `${text}; ${advice}`;
  return `${style.paint(emphasis, word.padEnd(VERDICT_WIDTH))}${step.padEnd(STEP_WIDTH)}${clipped(what, MAX_TEXT_CHARS)}`;
}

/** The findings of one step, each by its verdict. */
export class Step {
  constructor(private readonly step: string) {}

  ok(text: string): Finding {
    return { step: this.step, verdict: 'ok', text };
  }

  warn(text: string, advice: string): Finding {
    return { step: this.step, verdict: 'warn', text, advice };
  }

  fail(text: string, advice: string): Finding {
    return { step: this.step, verdict: 'fail', text, advice };
  }

  leftOut(text: string): Finding {
    return { step: this.step, verdict: 'left-out', text };
  }
}
