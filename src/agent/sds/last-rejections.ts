import type { NameLabels } from './name-labels.js';
import type { SecretKind } from './secret-kind.js';
import type { RequestMeaning } from './subscription.js';

/** What a proxy said when it refused a secret. */
export interface LastRejection {
  readonly version: string;
  /** One line of bounded length. */
  readonly text: string;
  /** The kind of secret that the text speaks of: Envoy may refuse a good secret for a bad one's fault. */
  readonly blames: SecretKind | undefined;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** Remembers the last refusal of each name that has a label of its own, and one of all others. */
export class LastRejections {
  private readonly labels: NameLabels;
  readonly #last = new Map<string, LastRejection>();

  constructor(labels: NameLabels) {
    this.labels = labels;
  }

  add({ answered, reason, blames }: RequestMeaning & { kind: 'nack' }, nowMs: number): void {
    for (const [name, { version }] of answered.contents) {
      this.#last.set(this.labels.of(name), { version, text: reason, blames, atMs: nowMs });
    }
  }

  last(label: string): LastRejection | undefined {
    return this.#last.get(label);
  }
}
