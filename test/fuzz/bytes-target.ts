import { below, mutated, oneOf, type Random } from '../hostile/conversations.js';
import type { FuzzTarget } from './target.js';

export interface BytesTargetOptions extends Omit<FuzzTarget, 'open'> {
  /** Inputs that are good, to begin with; each is mutated one to four times, and given as it is now and then. */
  readonly seeds: readonly Buffer[];
  /** Reads an input; what it says of it is counted, such as `accepted`. */
  readonly read: (input: Buffer, random: Random) => string | Promise<string>;
  /** Of what `read` throws: the names of refusals, such as a code. All else is a fault. */
  readonly refusalOf: (error: unknown) => string | undefined;
}

/** A target whose input is one piece of bytes: a CSR, a chain, a token, JSON. */
export function bytesTarget({ seeds, read, refusalOf, ...rest }: BytesTargetOptions): FuzzTarget {
  return {
    ...rest,
    open() {
      const met: Record<string, number> = {};
      const count = (end: string): undefined => {
        met[end] = (met[end] ?? 0) + 1;
      };
      const refused = (error: unknown): string | undefined => {
        const refusal = refusalOf(error);
        return refusal === undefined ? `threw ${String(error)}` : count(refusal);
      };
      return {
        met,
        run(random) {
          let input = oneOf(random, seeds);
          const mutations = random() < 0.02 ? 0 : 1 + below(random, 4);
          for (let at = 0; at < mutations && input.length > 0; at += 1) input = mutated(random, input);
          try {
            const end = read(input, random);
            return typeof end === 'string' ? count(end) : end.then(count, refused);
          } catch (error) {
            return refused(error);
          }
        },
      };
    },
  };
}
