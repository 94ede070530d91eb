import { access, mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { TOKEN_ISSUER } from './kubernetes/token-issuer.js';
import { statusArgs, TRUST_DOMAIN } from './plan.js';
import type { ProcessSpec } from './processes/supervised-process.js';

/** How to run `sidecert`. */
export interface Sidecert {
  /** Program and leading arguments. */
  readonly sidecertCommand: readonly string[];
  /** The `--hot-path` of all that make keys or sign; their own choice unless given. */
  readonly hotPath?: string;
}

/** A Citadel: where it keeps its files, and where it listens. */
export interface CaPlace {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly statusPort?: number | undefined;
  readonly jwksFile: string;
  /** Keeps its root in its directory, so that a restart does not change it; else in memory. */
  readonly keepsRoot: boolean;
}

/** The process of a Citadel. Pure. */
export function caProcess(
  sidecert: Sidecert,
  { name, directory, port, statusPort, jwksFile, keepsRoot }: CaPlace,
): ProcessSpec {
  return {
    name,
    logFile: join(directory, 'citadel.log'),
    ...sidecertCommand(sidecert, [
      ...['citadel', '--listen', `127.0.0.1:${port}`, '--trust-domain', TRUST_DOMAIN],
      ...['--jwks', jwksFile, '--token-issuer', TOKEN_ISSUER, '--root-cert-out', rootFileOf(directory)],
      ...statusArgs(statusPort),
      ...(keepsRoot ? ['--ca-dir', join(directory, 'ca')] : []),
    ]),
  };
}

/** The roots that agents verify this Citadel with. */
export function rootFileOf(directory: string): string {
  return join(directory, 'root-cert.pem');
}

/** Whether a Citadel has written its roots and takes connections. */
export async function isCaUp({ directory, port }: Pick<CaPlace, 'directory' | 'port'>): Promise<boolean> {
  await access(rootFileOf(directory));
  return canConnect(port);
}

/** `sidecert citadel` or `agent` with these arguments. Pure. */
export function sidecertCommand(
  { sidecertCommand: [command = process.execPath, ...leading], hotPath }: Sidecert,
  args: readonly string[],
): { command: string; args: string[] } {
  return { command, args: [...leading, ...args, ...(hotPath === undefined ? [] : ['--hot-path', hotPath])] };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** A directory that only its owner may look into. */
export async function privateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}
