import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import type { PreparedKey } from '../../src/hotpath/index.js';
import { buildGoProgram } from '../../test/support/go-program.js';

/** Makes that many keys with CSRs in a process of its own, and gives the last. */
export type GoPrepare = (count: number, spiffeId: string) => PreparedKey;

/** Compiles the Go peer of the bench, of the standard library alone; undefined on a machine without a Go for it. */
export function buildGoPrepare(): GoPrepare | undefined {
  const { file, missing } = buildGoProgram('go-prepare', 'bench/peers/go-prepare');
  if (missing !== false) return undefined;
  return (count, spiffeId) => {
    const said = execFileSync(file, [`${count}`, spiffeId], { encoding: 'utf8' });
    const csrAt = said.indexOf('-----BEGIN CERTIFICATE REQUEST');
    const privateKey = createPrivateKey(said.slice(0, csrAt)).export({ format: 'der', type: 'pkcs8' });
    return { privateKey, csrPem: Buffer.from(said.slice(csrAt)) };
  };
}
