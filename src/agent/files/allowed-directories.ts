import { realpath } from 'node:fs/promises';
import { isAbsolute, normalize, sep } from 'node:path';
import { IdentityError } from '../../errors/index.js';

/**
 * Below which directories the files of secrets may lie. Clients of the socket name the files: Istio's agent reads
 * whatever it can for them. (reference: Istio 4.13)
 */
export class AllowedDirectories {
  private readonly directories: readonly string[];

  /** `directories` are absolute; where there are none, no file is allowed. */
  constructor(directories: readonly string[]) {
    this.directories = directories.map(normalize);
  }

  /** By the text of the path alone: when false, no file there is ever served. */
  mayHold(path: string): boolean {
    return isAbsolute(path) && !path.includes('\0') && isBelowAny(normalize(path), this.directories);
  }

  /**
   * Judges where a file really lies, symbolic links resolved, for a file that is then read.
   * @throws IdentityError `ERR_SECRET_FILE_INVALID`, at once or when it judges: not below any of the directories, of
   *   which links are resolved, too.
   */
  admission(path: string): (realPath: string) => Promise<void> {
    if (!this.mayHold(path)) throw this.outside(path, path);
    return async (realPath) => {
      const directories = await Promise.all(this.directories.map((one) => realpath(one).catch(() => undefined)));
      const known = directories.filter((one) => one !== undefined);
      if (!isBelowAny(realPath, known)) throw this.outside(path, realPath);
    };
  }

  private outside(path: string, real: string): IdentityError {
    const told = real === path ? 'a place' : `a link to ${real},`;
    const expected = `one below ${this.directories.join(', ') || 'a directory of --secret-dir'}`;
    return new IdentityError('ERR_SECRET_FILE_INVALID', `${path}: got ${told} outside, expected ${expected}`);
  }
}

/** For the paths that the configuration names: what the operator has written is allowed wherever it lies. */
export const anywhere: FilePlaces = { admission: () => undefined };

/** Where files may lie. `undefined` admits every place. */
export interface FilePlaces {
  admission(path: string): ((realPath: string) => Promise<void>) | undefined;
}

function isBelowAny(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => path.startsWith(directory.endsWith(sep) ? directory : directory + sep));
}
