import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { shortDir } from '../support/short-dir.js';

/** build/test/fleet/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SOURCE = join(ROOT, 'test/fleet/go-control-plane');
const PROGRAM = join(ROOT, '.cache/go-control-plane');

/** What go says when it is the network that failed, and not the program that is wrong. */
const NOT_TO_BE_HAD = /dial tcp|no such host|connection refused|i\/o timeout|403 Forbidden|404 Not Found|proxyconnect/;

/** Compiles the server of go-control-plane; the modules come once, by the content that go.sum names. Or says why it cannot. */
export function buildGoControlPlane(): string | false {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  try {
    execFileSync('go', ['build', '-o', PROGRAM, '.'], {
      cwd: SOURCE,
      stdio: 'pipe',
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    });
    return false;
  } catch (error) {
    const { code, stderr } = Object(error);
    if (code === 'ENOENT') return 'no go on this machine';
    const said = String(stderr);
    if (NOT_TO_BE_HAD.test(said)) return `the modules of go-control-plane are not to be had: ${said.split('\n')[0]}`;
    if (/requires go >= /.test(said)) return `the go of this machine is too old: ${said.split('\n')[0]}`;
    throw error;
  }
}

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
  const child = spawn(PROGRAM, [path, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
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
