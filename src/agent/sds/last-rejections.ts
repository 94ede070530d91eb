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

/** A refusal, with the names of the response that it is about. */
export interface StreamRejection extends LastRejection {
  readonly names: readonly string[];
}

/** Of one refusal, as its stream keeps them: an Envoy that has more on one stream gets them in one response. */
const MAX_NAMES = 8;

/** Remembers the last refusal of each name that has a label of its own, and one of all others. */
export class LastRejections {
  private readonly labels: NameLabels;
  readonly #last = new Map<string, LastRejection>();

  constructor(labels: NameLabels) {
    this.labels = labels;
  }

  /** The refusal, with the names that it is about. */
  add({ answered, reason, blames }: RequestMeaning & { kind: 'nack' }, nowMs: number): StreamRejection {
    const names = [...answered.contents.keys()].slice(0, MAX_NAMES);
    // A fleet refuses a bad secret by the thousand, in the same words.
    const known = this.#last.get(this.labels.of(names[0] ?? ''))?.text;
    const text = known === reason ? known : reason;
    for (const [name, { version }] of answered.contents) {
      this.#last.set(this.labels.of(name), { version, text, blames, atMs: nowMs });
    }
    const [first] = answered.contents.values();
    return { names, version: first?.version ?? '', text, blames, atMs: nowMs };
  }

  last(label: string): LastRejection | undefined {
    return this.#last.get(label);
  }
}
