import { writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { SidecertProcess } from './sidecert-process.js';
import type { TokenIssuer } from './test-tokens.js';

/**
 * A process of Citadel, which accepts the tokens of `issuer`. What it has lies at `file` of `ca`, `root.pem` and
 * `status`. Resolves when it is ready.
 */
export async function startCitadelProcess(
  t: Test,
  { file, issuer, flags = [] }: { file: (name: string) => string; issuer: TokenIssuer; flags?: readonly string[] },
): Promise<{ readonly citadel: SidecertProcess; readonly address: string }> {
  writeFileSync(file('jwks.json'), JSON.stringify(issuer.jwks));
  const citadel = new SidecertProcess(t, [
    ...['citadel', '--listen', '127.0.0.1:0', '--ca-dir', file('ca'), '--jwks', file('jwks.json')],
    ...['--token-issuer', issuer.issuer, '--status-address', file('status'), '--root-cert-out', file('root.pem')],
    ...flags,
  ]);
  return { citadel, address: await citadel.address() };
}
