import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { UNBUNDLED_SIDECERT } from '../support/mesh.js';
import { mismatchOf, readWhole } from '../support/output-sets.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { certificatesIn } from './chaos-workload.js';
import { OwnDisk } from './own-disk.js';

/** Holds a few sets of files. */
const DISK_SIZE = '64k';

/** An agent, as a process, that writes its files to a small disk of its own. */
export class WritingAgent {
  readonly #disk: OwnDisk;
  readonly #process: SidecertProcess;

  constructor(t: Test, flags: Readonly<Record<string, string | readonly string[]>>) {
    this.#disk = new OwnDisk(t);
    const own = { socket: join(shortDir(t), 's'), 'output-certs': join(this.#disk.directory, 'certs') };
    const args = Object.entries({ ...flags, ...own }).flatMap(([name, value]) =>
      [value].flat().map((one) => `--${name}=${one}`),
    );
    const sidecert = [...this.#disk.wrapper(`size=${DISK_SIZE}`), ...UNBUNDLED_SIDECERT];
    this.#process = new SidecertProcess(t, ['agent', ...args], { sidecert });
  }

  /** Whether the first files are there. */
  get isServing(): boolean {
    return existsSync(join(this.#path, 'cert-chain.pem'));
  }

  /** A failure that quotes its log. */
  failure(message: string): Error {
    return this.#process.log.failure(message);
  }

  /** What is wrong with its files as they are now, by node:crypto. */
  problem(): string | undefined {
    const set = readWhole(this.#path);
    const [leaf] = certificatesIn(set.chain);
    const isValid = leaf !== undefined && new Date(leaf.validTo).getTime() > Date.now();
    return isValid ? mismatchOf(set) : `got a certificate until ${leaf?.validTo}, expected a valid one`;
  }

  fillDisk(): void {
    this.#disk.fill(this.#process.pid);
  }

  emptyDisk(): void {
    this.#disk.empty(this.#process.pid);
  }

  get #path(): string {
    return this.#disk.seenFromOutside(this.#process.pid, 'certs');
  }
}
