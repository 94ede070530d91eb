import { randomBytes } from 'node:crypto';
import { mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CURRENT = '..data';

/**
 * A volume of one file, replaced the way the kubelet replaces projected volumes (AtomicWriter): the content lies in a
 * directory named for the time, `..data` is a symbolic link to it, and the visible file is a link through `..data`.
 * One rename swaps the content; a watch on the visible file itself sees no change.
 */
export class ProjectedVolume {
  constructor(
    private readonly directory: string,
    private readonly fileName: string,
    private readonly now: () => number,
  ) {}

  /** The path that a workload reads. */
  get path(): string {
    return join(this.directory, this.fileName);
  }

  /**
   * Swaps the content. It is written as it is: a newline after a token would stop Envoy's streams before the first
   * byte.
   */
  async write(content: string): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const previous = await readlink(join(this.directory, CURRENT)).catch(() => undefined);
    const next = this.timestampedName();
    await mkdir(join(this.directory, next), { mode: 0o755 });
    await writeFile(join(this.directory, next, this.fileName), content, { mode: 0o600 });
    const link = join(this.directory, `${CURRENT}_tmp`);
    await rm(link, { force: true });
    await symlink(next, link);
    await rename(link, join(this.directory, CURRENT));
    if (previous === undefined) await symlink(join(CURRENT, this.fileName), this.path);
    else await rm(join(this.directory, previous), { recursive: true, force: true });
  }

  /** `..2026_11_24_05_04_03.1234567890`, in UTC. */
  private timestampedName(): string {
    const date = new Date(this.now()).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
    return `..${date}.${randomBytes(4).readUInt32BE().toString().padStart(10, '0')}`;
  }
}
