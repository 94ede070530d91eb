import type { RevokeConfig } from '../config/index.js';
import { askRevocation, type RevokedCertificate } from '../explain/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, print, printError } from './process.js';

/** A Citadel reads its trail for it, which may be long; it ends the connection itself after 10 s. */
const TIMEOUT_MS = 10_000;

/** In one request: its line has at most 8 kB. */
const MAX_CERTIFICATES = 80;

/** As parameters of a request. */
type Terms = Readonly<Record<string, string>>;

type Address = RevokeConfig['statusAddresses'][number];

/** `sidecert revoke`: exit code 1 when there is no such certificate, or not each Citadel has revoked it. */
export async function runRevoke(config: RevokeConfig): Promise<number> {
  const { statusAddresses, serial, identity, reason, isSoleIssuer, isTrial, output } = config;
  const terms = { reason, ...(isSoleIssuer && { 'sole-issuer': '1' }) };
  const wanted = serial === undefined ? { identity: String(identity) } : { serial };
  // What one has issued the others do not know: all are asked first.
  const isTold = statusAddresses.length === 1 && !isTrial;
  const first = new URLSearchParams({ ...wanted, ...terms, ...(!isTold && { trial: '1' }) });
  const found = new Map<string, RevokedCertificate>();
  for (const address of statusAddresses) {
    const certificates = await ask(address, first);
    if (certificates === undefined) return Exit.failed;
    for (const one of certificates) found.set(one.serial, one);
  }
  if (found.size === 0) {
    const got = serial === undefined ? `identity ${identity}` : `serial ${serial}`;
    printError(redact(`sidecert revoke: got ${got}, expected one with a certificate that has not expired\n`));
    return Exit.failed;
  }
  let code: number = Exit.ok;
  if (!isTold && !isTrial) {
    for (const address of statusAddresses) if (!(await tell(address, [...found.values()], terms))) code = Exit.failed;
  }
  if (output === 'json') print(`${JSON.stringify({ certificates: [...found.values()] }, undefined, 2)}\n`);
  else print(`${redact([...found.values()].map((one) => lineOf(one, isTrial)).join('\n'))}\n`);
  return code;
}

/** `undefined` when the Citadel does not do so, which has been told then. */
async function ask(address: Address, query: URLSearchParams): Promise<readonly RevokedCertificate[] | undefined> {
  const reply = await askRevocation(address, query, TIMEOUT_MS);
  if (reply.kind === 'answered') return reply.certificates;
  printError(`sidecert revoke: ${redact(reply.reason)}: ${reply.advice}\n`);
  return undefined;
}

/** Has a Citadel revoke these, of whichever Citadel they are. */
async function tell(address: Address, certificates: readonly RevokedCertificate[], terms: Terms): Promise<boolean> {
  for (const identity of new Set(certificates.map(({ spiffe_id }) => spiffe_id))) {
    const group = certificates.filter(({ spiffe_id }) => spiffe_id === identity);
    for (let at = 0; at < group.length; at += MAX_CERTIFICATES) {
      const query = new URLSearchParams({ ...terms, ...(identity !== undefined && { identity }) });
      for (const { serial, not_after } of group.slice(at, at + MAX_CERTIFICATES)) {
        query.append('certificate', `${serial}@${Math.ceil(Date.parse(not_after) / 1000)}`);
      }
      if ((await ask(address, query)) === undefined) return false;
    }
  }
  return true;
}

function lineOf({ serial, spiffe_id, not_after }: RevokedCertificate, isTrial: boolean): string {
  return `${isTrial ? 'would be revoked' : 'revoked'}: serial ${serial}, ${spiffe_id ?? 'unknown identity'}, until ${not_after}`;
}
