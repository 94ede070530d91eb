import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PreparedKey } from '../../src/hotpath/index.js';

/** build/bench/peers/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Makes that many keys with CSRs in a process of its own, and gives the last. */
export type GoPrepare = (count: number, spiffeId: string) => PreparedKey;

/** Compiles the Go peer of the bench, of the standard library alone; undefined on a machine without Go. */
export function buildGoPrepare(): GoPrepare | undefined {
  const program = join(ROOT, '.cache/bench/go-prepare');
  mkdirSync(join(ROOT, '.cache/bench'), { recursive: true });
  try {
    execFileSync('go', ['build', '-o', program, '.'], {
      cwd: join(ROOT, 'bench/peers/go-prepare'),
      stdio: 'pipe',
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    });
  } catch (error) {
    if (Object(error).code === 'ENOENT') return undefined;
    throw error;
  }
  return (count, spiffeId) => {
    const said = execFileSync(program, [`${count}`, spiffeId], { encoding: 'utf8' });
    const csrAt = said.indexOf('-----BEGIN CERTIFICATE REQUEST');
    const privateKey = createPrivateKey(said.slice(0, csrAt)).export({ format: 'der', type: 'pkcs8' });
    return { privateKey, csrPem: Buffer.from(said.slice(csrAt)) };
  };
}
