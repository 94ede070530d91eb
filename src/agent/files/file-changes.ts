import { ChangingFiles } from '../../system/small-files/index.js';
import type { FileWatch } from './file-watch.js';

interface Watched {
  readonly listeners: Set<() => void>;
  readonly stop: () => void;
}

/**
 * Tells when a file has become another one, by its path: whatever links lead there, and whether it is there at all. A
 * file is watched once while it has listeners, however many.
 */
export class FileChanges {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly watch: Pick<FileWatch, 'add'>) {}

  /** Calls `listener` after each change, until the result is called. */
  onChange(path: string, listener: () => void): () => void {
    const { listeners, stop } = this.watched.get(path) ?? this.begin(path);
    // One of its own, for a listener may be given twice.
    const own = (): void => listener();
    listeners.add(own);
    return () => {
      if (!listeners.delete(own) || listeners.size > 0) return;
      stop();
      this.watched.delete(path);
    };
  }

  private begin(path: string): Watched {
    const listeners = new Set<() => void>();
    const file = new ChangingFiles([path]);
    const first = file.haveChanged();
    const look = async (): Promise<void> => {
      await first;
      if (!(await file.haveChanged())) return;
      for (const listener of [...listeners]) listener();
    };
    const stop = this.watch.add(look, { paths: [path] });
    const watched = { listeners, stop };
    this.watched.set(path, watched);
    return watched;
  }
}
