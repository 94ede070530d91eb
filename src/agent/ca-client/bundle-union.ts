/**
 * One trust bundle of what several CAs have named. While the first of them is away the second issues, and workloads
 * that still reach the first go on with leaves of it: each CA that may issue has its roots in the bundle, by
 * its own last answer. In the order of the CAs, so that the bytes are the same whichever of them has answered.
 */
export class BundleUnion {
  private readonly lastOf: (Buffer | undefined)[] = [];
  private union: Buffer = Buffer.alloc(0);

  /** Takes over what the CA at this position has named, as PEM of nothing else, and gives what all of them have. */
  with(position: number, bundlePem: Buffer): Buffer {
    if (this.lastOf[position] !== bundlePem) {
      this.lastOf[position] = bundlePem;
      const all = this.lastOf.flatMap((pem) => pem ?? []);
      // A lone bundle stays the same memory, which matters to who sends it to a thread.
      this.union = all.length === 1 ? bundlePem : joined(all);
    }
    return this.union;
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

/** Each certificate once, by its octets and not by its lines. */
function joined(bundles: readonly Buffer[]): Buffer {
  const blocks = new Map<string, string>();
  for (const bundle of bundles) {
    for (const [block] of bundle.toString('latin1').matchAll(BLOCK)) {
      const key = block.replace(/\s/g, '');
      if (!blocks.has(key)) blocks.set(key, block);
    }
  }
  return Buffer.from([...blocks.values()].join(''), 'latin1');
}
