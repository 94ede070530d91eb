import { constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../system/small-files/index.js';
import { listTrailFiles, trailFileName } from './trail-files.js';

/** One file of a trail that is being written. What was appended is on the disk, whatever happens then. */
export class TrailFile {
  /** Octets that are on the disk. */
  size = 0;

  private constructor(
    readonly name: string,
    private readonly handle: FileHandle,
  ) {}

  /**
   * A new file, for this process alone. `firstRecord` is for its name alone, which is listed behind all that are there.
   * @throws what the system says.
   */
  static async create(directory: string, firstRecord: number): Promise<TrailFile> {
    const name = trailFileName(firstRecord, await listTrailFiles(directory));
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const handle = await open(join(directory, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await syncDirectory(directory);
      return new TrailFile(name, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Resolves when `bytes` are on the disk. After a failure the same octets can be appended again: they go to the same
   * place, so that half of them is no harm.
   * @throws what the system says: the disk is full, for one.
   */
  async append(bytes: Buffer): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.handle.write(bytes, written, bytes.length - written, this.size + written);
      written += bytesWritten;
    }
    await this.handle.datasync();
    this.size += bytes.length;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
