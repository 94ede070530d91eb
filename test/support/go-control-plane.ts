import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildGoProgram } from './go-program.js';

const program = buildGoProgram('go-control-plane', 'test/support/go-control-plane');

/** Why there is no server of go-control-plane here; false when there is. */
export const NO_GO_CONTROL_PLANE = program.missing;

/** What it serves, in PEM. */
export interface PemSecrets {
  readonly chain: Buffer;
  readonly key: Buffer;
  readonly bundle: Buffer;
}

/** A server of go-control-plane that serves. */
export interface GoControlPlane {
  /** Its Unix socket. */
  readonly path: string;
  readonly pid: number;
  /** It pushes these to all who have others. */
  rotate(files: Partial<PemSecrets>): void;
  stop(): void;
}

/** Starts one that has its socket and its files in `directory`; resolves when it serves. */
export async function serveGoControlPlane(directory: string, secrets: PemSecrets): Promise<GoControlPlane> {
  const path = join(directory, 'sds.sock');
  const write = (files: Partial<PemSecrets>): void => {
    for (const [name, pem] of Object.entries(files)) writeFileSync(join(directory, `${name}.pem`), pem);
  };
  write(secrets);
  const child = spawn(program.file, [path, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') break;
  }
  if (child.pid === undefined) throw new Error(`${program.file} does not start`);
  return {
    path,
    pid: child.pid,
    rotate(files) {
      write(files);
      child.stdin.write('\n');
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
