import type { SymptomId } from '../../symptoms/index.js';

/** What one rule of a handshake says. `unknown`: it cannot be told from what is there. */
export interface Judgement {
  readonly rule: string;
  readonly verdict: 'ok' | 'warn' | 'fail' | 'unknown';
  /** What was met. */
  readonly text: string;
  /** What it is a sign of; beside `warn` and `fail`. */
  readonly symptom?: SymptomId;
  /** Certificates that it is about, by SHA-256 in hex: for the past of both sides. */
  readonly fingerprints?: readonly string[];
}

/** The judgements of one rule. */
export class Rule {
  constructor(private readonly rule: string) {}

  ok(text: string): Judgement {
    return { rule: this.rule, verdict: 'ok', text };
  }

  unknown(text: string): Judgement {
    return { rule: this.rule, verdict: 'unknown', text };
  }

  warn(symptom: SymptomId, text: string): Judgement {
    return { rule: this.rule, verdict: 'warn', symptom, text };
  }

  fail(symptom: SymptomId, text: string, fingerprints: readonly string[] = []): Judgement {
    return { rule: this.rule, verdict: 'fail', symptom, text, fingerprints };
  }
}
