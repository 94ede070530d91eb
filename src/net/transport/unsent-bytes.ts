/**
 * So much memory is taken for small pieces that are copied: as a rule the end of one message and the head of the next.
 */
const CHUNK_BYTES = 256;

/** The same behind {@link MANY_PIECES}: a peer that reads nothing makes us keep thousands of small answers. */
const LARGE_CHUNK_BYTES = 4096;

/** More than an Envoy has that is slow to read two secrets. */
const MANY_PIECES = 8;

/** To keep a piece of its own costs some 300 bytes, and a chunk behind it: smaller pieces take less as copies. */
const MAX_COPIED_BYTES = 512;

/** Behind this many that have gone, those that are left are moved to the front. */
const COMPACT_AFTER = 256;

interface Piece {
  /** What of it is still to be sent. */
  bytes: Buffer;
  /** Bytes of a chunk that are used, for a piece that others may be copied to; below 0 for any other. */
  used: number;
  readonly onWritten: (() => void) | undefined;
}

/**
 * What a peer has not read yet, in order: a queue that is cheap however long it gets, since a hostile peer makes it
 * long.
 */
export class UnsentBytes {
  private pieces: Piece[] = [];
  private first = 0;
  #bytes = 0;

  /** All that is left. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What to send next; `undefined` when there is nothing. */
  get next(): Buffer | undefined {
    const piece = this.pieces[this.first];
    return piece === undefined || piece.used < 0 ? piece?.bytes : piece.bytes.subarray(0, piece.used);
  }

  /**
   * Adds memory that stays as it is until `onWritten` is called, once; without it, for as long as this is used. Not
   * empty. Memory without `onWritten` is copied when that takes less memory; the rest never is, for it may be a key,
   * which is wiped once it was written.
   */
  add(bytes: Buffer, onWritten?: () => void): void {
    if (onWritten === undefined && bytes.length <= MAX_COPIED_BYTES) {
      this.addCopy(bytes);
      return;
    }
    this.pieces.push({ bytes, used: -1, onWritten });
    this.#bytes += bytes.length;
  }

  /** Adds a copy of memory that will be used again. */
  addCopy(bytes: Buffer): void {
    this.#bytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const chunk = this.chunk(bytes.length - at);
      const copied = bytes.copy(chunk.bytes, chunk.used, at);
      chunk.used += copied;
      at += copied;
    }
  }

  /** The system took the first `count` bytes of `next`. */
  took(count: number): void {
    const piece = this.pieces[this.first];
    if (piece === undefined) return;
    this.#bytes -= count;
    const left = (piece.used < 0 ? piece.bytes.length : piece.used) - count;
    if (left > 0) {
      piece.bytes = piece.bytes.subarray(count);
      if (piece.used >= 0) piece.used -= count;
      return;
    }
    this.first += 1;
    if (this.first === COMPACT_AFTER) {
      this.pieces.splice(0, this.first);
      this.first = 0;
    }
    piece.onWritten?.();
  }

  /**
   * Sends what the system takes: `send` tells how much that was of what it was given, or a negative errno, which is
   * returned.
   */
  drain(send: (bytes: Buffer) => number): number {
    for (let next = this.next; next !== undefined; next = this.next) {
      const sent = send(next);
      if (sent < 0) return sent;
      this.took(sent);
      if (sent < next.length) break;
    }
    return 0;
  }

  /** Nothing of it will be sent. */
  giveUp(): void {
    const pieces = this.pieces.slice(this.first);
    this.pieces = [];
    this.first = 0;
    this.#bytes = 0;
    for (const { onWritten } of pieces) onWritten?.();
  }

  /** One that has room. */
  private chunk(wanted: number): Piece {
    const last = this.pieces.at(-1);
    if (last !== undefined && last.used >= 0 && last.used < last.bytes.length && this.pieces.length > this.first) {
      return last;
    }
    const usual = this.pieces.length - this.first < MANY_PIECES ? CHUNK_BYTES : LARGE_CHUNK_BYTES;
    const chunk = { bytes: Buffer.allocUnsafeSlow(Math.max(usual, wanted)), used: 0, onWritten: undefined };
    this.pieces.push(chunk);
    return chunk;
  }
}
