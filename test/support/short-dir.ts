import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/**
 * A directory of this test, removed after it, whose path leaves room for a socket: `t.testdir()` is longer than the 107
 * bytes of one.
 */
export function shortDir(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'sc-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
