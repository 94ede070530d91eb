import type { FrameOutput } from '../framing/frame-output.js';

/** Where a client's connection writes its frames. They leave at the end of the turn of the event loop at the latest. */
export interface ClientOutput extends FrameOutput {
  /** Bytes that were written and have not left the process: the peer does not read. */
  readonly backlogBytes: number;
  /** Lets all that was claimed leave now. */
  flush(): void;
}

/** What a client's connection writes to that has no memory of its own for frames. */
export interface ClientWire {
  /** Bytes that were written and have not left the process: the peer does not read. */
  readonly backlogBytes: number;
  /** Takes over the memory of `bytes`. */
  write(bytes: Buffer): void;
}

/** Frames are written into pieces of this size: the requests of two dozen calls, with their tokens, go into one. */
const SLAB_BYTES = 64 * 1024;

/** Memory for frames, none of it used twice: what was written is the wire's. Connections may share one. */
export class Slab {
  memory: Buffer = Buffer.alloc(0);
  /** What was not written yet begins here. */
  private start = 0;
  private used = 0;
  private owner: { flush(): void } | undefined;

  /** Gives the place for `bytes` of `owner`; what another one has claimed leaves first. */
  claim(owner: { flush(): void }, bytes: number): number {
    if (this.owner !== owner) {
      this.owner?.flush();
      this.owner = owner;
    }
    if (this.used + bytes > this.memory.length) {
      owner.flush();
      this.memory = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      this.start = 0;
      this.used = 0;
    }
    const at = this.used;
    this.used += bytes;
    return at;
  }

  /** What `owner` has claimed since it was last asked; `undefined` when that is nothing. */
  take(owner: { flush(): void }): Buffer | undefined {
    if (this.owner !== owner || this.used === this.start) return undefined;
    const bytes = this.memory.subarray(this.start, this.used);
    this.start = this.used;
    return bytes;
  }
}

/**
 * All frames of a turn of the event loop in one write at its end: each write is a TLS record and a system call at
 * least.
 */
export class SlabOutput implements ClientOutput {
  private immediate: NodeJS.Immediate | undefined;

  constructor(
    private readonly wire: ClientWire,
    private readonly slab: Slab = new Slab(),
  ) {}

  get backlogBytes(): number {
    return this.wire.backlogBytes;
  }

  get memory(): Buffer {
    return this.slab.memory;
  }

  claim(bytes: number): number {
    const at = this.slab.claim(this, bytes);
    this.immediate ??= setImmediate(flush, this);
    return at;
  }

  flush(): void {
    clearImmediate(this.immediate);
    this.immediate = undefined;
    const bytes = this.slab.take(this);
    if (bytes !== undefined) this.wire.write(bytes);
  }
}

function flush(output: SlabOutput): void {
  output.flush();
}
