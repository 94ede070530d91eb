import { writeSync } from 'node:fs';

/** Writes some of the bytes from an offset on, and says how many. @throws when it can write none. */
type WriteBytes = (bytes: Buffer, offset: number) => number;

/**
 * A log in a file. A disk that fills up takes a part of a line and then nothing: who reads the log gets that part as a
 * line of its own, and every later line whole. Node's own stream would lose the rest without a word, and glue the next
 * line to it.
 */
export class LogFile {
  private isTorn = false;

  constructor(private readonly write: WriteBytes) {}

  /** The file that is open as `descriptor`. */
  static of(descriptor: number): LogFile {
    return new LogFile((bytes, offset) => writeSync(descriptor, bytes, offset));
  }

  /** Writes a line with its newline; false when it is lost, or a part of it. */
  writeLine(line: string): boolean {
    const mending = this.isTorn ? 1 : 0;
    const bytes = Buffer.from(mending === 1 ? `\n${line}` : line);
    let written = 0;
    try {
      while (written < bytes.length) written += this.write(bytes, written);
      this.isTorn = false;
      return true;
    } catch {
      if (written > 0) this.isTorn = written > mending;
      return false;
    }
  }
}
