import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { shortDir } from './short-dir.js';

const CHILD = fileURLToPath(new URL('./heap-child.js', import.meta.url));

/** Starts an agent or a Citadel whose heap can be looked at; ended with the test. */
export async function heapOf(t: Test, command: 'agent' | 'citadel', given: Readonly<Record<string, string>>) {
  const directory = shortDir(t);
  const child = spawn(process.execPath, [CHILD, command, JSON.stringify(given)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const address = String((await lines.next()).value);
  let snapshots = 0;
  return {
    /** Where it listens. */
    address,
    /** All that is reachable there, as text. */
    async heap(): Promise<string> {
      snapshots += 1;
      const path = join(directory, `${snapshots}.heapsnapshot`);
      child.stdin.write(`${path}\n`);
      await lines.next();
      return readFileSync(path, 'latin1');
    },
  };
}

/** Of a part of a token: what is another in each of them stands first. */
const UNIQUE_CHARS = 40;

/** Of these tokens, those of which the heap has a piece. Of a long text a snapshot has the first 1024 characters. */
export function tokensIn(heap: string, tokens: readonly string[]): string[] {
  return tokens.filter((token) => {
    const [, payload = '', signature = ''] = token.split('.');
    return heap.includes(payload.slice(0, UNIQUE_CHARS)) || heap.includes(signature.slice(0, UNIQUE_CHARS));
  });
}
