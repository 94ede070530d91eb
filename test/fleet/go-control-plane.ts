import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { buildGoProgram } from '../support/go-program.js';
import { shortDir } from '../support/short-dir.js';

const program = buildGoProgram('go-control-plane', 'test/fleet/go-control-plane');

/** Why there is no server of go-control-plane here; false when there is. */
export const NO_GO_CONTROL_PLANE = program.missing;

/** What it serves, in PEM. */
export interface PemSecrets {
  readonly chain: Buffer;
  readonly key: Buffer;
  readonly bundle: Buffer;
}

/** Runs the server for the time of a test. */
export async function startGoControlPlane(t: Test, secrets: PemSecrets) {
  const directory = shortDir(t);
  const path = join(directory, 'sds.sock');
  const write = (files: Partial<PemSecrets>): void => {
    for (const [name, pem] of Object.entries(files)) writeFileSync(join(directory, `${name}.pem`), pem);
  };
  write(secrets);
  const child = spawn(program.file, [path, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') break;
  }
  return {
    path,
    /** It pushes these to all who have others. */
    rotate(files: Partial<PemSecrets>): void {
      write(files);
      child.stdin.write('\n');
    },
  };
}
