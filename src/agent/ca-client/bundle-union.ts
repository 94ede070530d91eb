/**
 * One trust bundle of what several CAs have named. While the first of them is away the second issues, and workloads
 * that still reach the first go on with leaves of it: each CA that may issue has its roots in the bundle, by its own
 * last answer that was proven. In the order of the CAs, so that the bytes are the same whichever of them has answered.
 */
export class BundleUnion {
  /** Of answers that were proven: what a CA says by mistake must not spoil the answers of the others. */
  private readonly proven: (Buffer | undefined)[] = [];
  private last: { readonly parts: readonly Buffer[]; readonly union: Buffer } = { parts: [], union: Buffer.alloc(0) };

  /** What the CA at this position has named in a new answer, as PEM of nothing else, with what the others have. */
  with(position: number, bundlePem: Buffer): Buffer {
    return this.unionOf(this.partsWith(position, bundlePem));
  }

  /** What the CA at this position has named in its last good answer. */
  of(position: number): Buffer | undefined {
    return this.proven[position];
  }

  /** What all CAs have named; empty as long as none has. */
  get all(): Buffer {
    return this.unionOf(this.proven.flatMap((part) => part ?? []));
  }

  /** Whether each certificate is also one of those that a CA at a position has named for which `isGood` holds. */
  isCoveredBy(isGood: (position: number) => boolean): boolean {
    const parts = this.proven.map((part, position) => ({ blocks: blocksOf(part), isGood: isGood(position) }));
    const good = new Set(parts.flatMap((part) => (part.isGood ? [...part.blocks.keys()] : [])));
    return parts.every(({ blocks }) => [...blocks.keys()].every((key) => good.has(key)));
  }

  /** The answer with this bundle was a good one; an empty one takes what was kept there back. */
  keep(position: number, bundlePem: Buffer): void {
    this.proven[position] = bundlePem.length === 0 ? undefined : bundlePem;
  }

  private unionOf(parts: readonly Buffer[]): Buffer {
    const { last } = this;
    // The same memory for the same parts, and a lone bundle as it is: that matters to who sends it to a thread.
    if (parts.length !== last.parts.length || parts.some((part, index) => part !== last.parts[index])) {
      const [first] = parts;
      this.last = { parts, union: parts.length === 1 && first !== undefined ? first : joined(parts) };
    }
    return this.last.union;
  }

  private partsWith(position: number, bundlePem: Buffer): Buffer[] {
    const parts: (Buffer | undefined)[] = [...this.proven];
    parts[position] = bundlePem;
    return parts.flatMap((part) => part ?? []);
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

/** Each certificate once, by its octets and not by its lines. */
function joined(bundles: readonly Buffer[]): Buffer {
  const blocks = new Map<string, string>();
  for (const bundle of bundles) {
    for (const [key, block] of blocksOf(bundle)) if (!blocks.has(key)) blocks.set(key, block);
  }
  return Buffer.from([...blocks.values()].join(''), 'latin1');
}

/** The certificates of a bundle, by what makes two of them the same. */
function blocksOf(bundle: Buffer | undefined): Map<string, string> {
  const blocks = (bundle?.toString('latin1') ?? '').matchAll(BLOCK);
  return new Map([...blocks].map(([block]) => [block.replace(/\s/g, ''), block]));
}
