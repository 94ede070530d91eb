import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { CitadelCaller } from '../support/citadel-caller.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { UNBUNDLED_SIDECERT, WITHOUT_COVERAGE } from '../support/mesh.js';
import { RawPeer } from '../support/raw-peer.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { settledRssMb } from './settled-memory.js';

interface CitadelProcessOptions {
  readonly hotPath: 'native' | 'js';
  /** Of the old generation, in MB: what is kept for peers must fit. */
  readonly maxHeapMb?: number;
  /** More of the command line. */
  readonly args?: readonly string[];
}

/** The CPU time that a process has had, in seconds, by the usual 100 ticks each. (proc_pid_stat(5): utime and stime) */
function cpuSecondsOf(pid: number): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [user, system] = fields.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}

/** Asserts that a process keeps less than `maxRssMb`; tells that, and what its floods have cost. */
export async function assertSmall(
  t: Test,
  pid: number,
  maxRssMb: number,
  peers: readonly RawPeer[] = [],
): Promise<void> {
  const rssMb = await settledRssMb(pid, maxRssMb);
  const ended = peers.filter(({ isClosed }) => isClosed).length;
  t.comment(`RSS ${rssMb.toFixed(0)} MB, CPU ${cpuSecondsOf(pid).toFixed(1)} s, ${ended} peers were ended`);
  t.ok(rssMb < maxRssMb, `${rssMb.toFixed(0)} MB`);
}

/** A Citadel in a process of its own, a caller that it knows, and peers that it does not. */
export async function serveCitadel(t: Test, { hotPath, maxHeapMb = 256, args = [] }: CitadelProcessOptions) {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const [jwks, roots] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const citadel = new SidecertProcess(
    t,
    [
      ...['citadel', '--listen', '127.0.0.1:0', '--jwks', jwks, '--token-issuer', issuer.issuer],
      ...['--root-cert-out', roots, '--hot-path', hotPath, ...args],
    ],
    {
      sidecert: [UNBUNDLED_SIDECERT[0] ?? '', `--max-old-space-size=${maxHeapMb}`, ...UNBUNDLED_SIDECERT.slice(1)],
      // Its memory is judged.
      env: WITHOUT_COVERAGE,
    },
  );
  const address = await citadel.address();
  const rootPem = readFileSync(roots);
  const csr = foreignCsr();
  return {
    citadel,
    /** A client of a connection of its own; each call is one certificate. Resolves with the status. */
    client() {
      const caller = new CitadelCaller(t, { address, rootPem });
      return async (): Promise<number> => (await caller.call({ token: await issuer.token(), csr })).code;
    },
    peer: () => RawPeer.connectTls(t, { address, rootPem }),
  };
}
