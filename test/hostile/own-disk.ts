import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { shortDir } from '../support/short-dir.js';

/** Why this machine cannot give a process a file system of its own; `false` where it can. */
export function withoutOwnDisks(): string | false {
  const { status, stderr, error } = spawnSync(
    'unshare',
    ['--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'sidecert', '/mnt'],
    { encoding: 'utf8' },
  );
  return status !== 0 && `no file system of one's own here: ${error?.message ?? stderr.trim()}`;
}

/**
 * A small file system in memory that only one process and those that enter it see, and that ends with them: for what
 * happens to an agent when its disk is full, or can only be read.
 */
export class OwnDisk {
  readonly directory: string;

  constructor(t: Test) {
    this.directory = join(shortDir(t), 'd');
    mkdirSync(this.directory);
  }

  /**
   * Runs what stands behind it on the disk, with these options of its mount; `shell` may redirect, `exec "$@"` by
   * default.
   */
  wrapper(mountOptions: string, shell = 'exec "$@"'): string[] {
    const script = `mount -t tmpfs -o "$1" sidecert "$0" && shift && ${shell}`;
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, this.directory, mountOptions];
  }

  /** The same for a process that is to see the disk of `pid`. */
  entering(pid: number): string[] {
    return ['nsenter', '--target', String(pid), '--mount'];
  }

  /** A path below it as others reach it. (proc_pid_root(5)) */
  seenFromOutside(pid: number, name: string): string {
    return `/proc/${pid}/root${this.directory}/${name}`;
  }

  /** Leaves no byte on it. */
  fill(pid: number): void {
    const { status } = spawnSync('dd', ['if=/dev/zero', `of=${this.seenFromOutside(pid, 'fill')}`, 'bs=1k'], {
      stdio: 'ignore',
    });
    if (status === 0) throw new Error(`${this.directory} does not fill up`);
  }

  /** Takes back what {@link fill} has put there. */
  empty(pid: number): void {
    rmSync(this.seenFromOutside(pid, 'fill'));
  }

  /** Mounts it anew with these options: `ro`, `rw`. */
  remount(pid: number, options: string): void {
    const [command = '', ...args] = [...this.entering(pid), 'mount', '-o', `remount,${options}`, this.directory];
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${this.directory} could not be mounted ${options}: ${stderr}`);
  }
}
