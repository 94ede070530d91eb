import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import type { ConfigSources } from '../config/index.js';

/** Exit codes of the program. 2 is what shells and getopt use for a wrong command line. */
export const Exit = { ok: 0, failed: 1, usage: 2 } as const;

export function print(text: string): void {
  process.stdout.write(text);
}

export function printError(text: string): void {
  process.stderr.write(text);
}

/** The only place that reads `process.env`. */
export function configSources(args: readonly string[]): ConfigSources {
  return {
    args,
    environment: process.env,
    files: {
      isReadableFile,
      readText: (path) => readFileSync(path, 'utf8'),
    },
  };
}

/** The flags that this Node runs with, from its command line and from `NODE_OPTIONS`. */
export function nodeFlags(): readonly string[] {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
}

function isReadableFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
