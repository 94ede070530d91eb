import { parseCrls } from '../files/crl-file.js';
import { type FileSurroundings, ReloadedFiles } from '../files/reloaded-files.js';
import type { Revocations } from './workload-secrets.js';

/** The certificate revocation lists of one file. A missing file means none, as to Istio's agent. (reference: Istio A21) */
export class RevocationFile implements Revocations {
  private readonly file: ReloadedFiles<Buffer>;
  private readonly listeners = new Set<() => void>();

  constructor(path: string, surroundings: FileSurroundings) {
    const files = {
      what: 'crl',
      paths: [path],
      parse: ([pem = Buffer.alloc(0)]: readonly (Buffer | undefined)[]) => parseCrls(pem),
      isSame: (one: Buffer, other: Buffer) => one.equals(other),
    };
    this.file = new ReloadedFiles(files, surroundings, () => {
      for (const listener of this.listeners) listener();
    });
  }

  get value(): Buffer | undefined {
    return this.file.value;
  }

  /** Reads it for the first time, and goes on looking at it. Never rejects. */
  open(): Promise<void> {
    return this.file.open();
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(): void {
    this.file.close();
  }
}

/** Where no lists are configured. */
export const NO_REVOCATIONS: Revocations = { value: undefined, onChange: () => () => {} };
