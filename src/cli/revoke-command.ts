import type { RevokeConfig } from '../config/index.js';
import { askRevocation, type RevokedCertificate, targetText } from '../explain/index.js';
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
  const { statusAddresses, reason, isSoleIssuer, isTrial, output } = config;
  const terms = { reason, ...(isSoleIssuer && { 'sole-issuer': '1' }) };
  // What one has issued the others do not know: all are asked first.
  const isTold = statusAddresses.length === 1 && !isTrial;
  const wanted = wantedOf(config, isTold ? terms : { ...terms, trial: '1' });
  const found = new Map<string, RevokedCertificate>();
  let code: number = Exit.ok;
  for (const address of statusAddresses) {
    for (const query of wanted.queries) {
      const certificates = await ask(address, query);
      if (certificates === undefined) code = Exit.failed;
      // What this Citadel has revoked already, if it was told at once, is said below.
      if (certificates === undefined && (!isTold || found.size === 0)) return code;
      for (const one of certificates ?? []) found.set(one.serial, one);
    }
  }
  if (found.size === 0) {
    printError(redact(`sidecert revoke: got ${wanted.name}, expected one with a certificate that has not expired\n`));
    return Exit.failed;
  }
  /** By serial: the Citadels that accept the certificate still. */
  const acceptedBy = new Map<string, string[]>();
  if (!isTold && !isTrial) {
    for (const address of statusAddresses) {
      for (const serial of await tell(address, [...found.values()], terms)) {
        acceptedBy.set(serial, [...(acceptedBy.get(serial) ?? []), targetText(address)]);
        code = Exit.failed;
      }
    }
  }
  const outcomes = [...found.values()].map((one) => ({ ...one, not_revoked_by: acceptedBy.get(one.serial) }));
  if (output === 'json') print(`${JSON.stringify({ certificates: outcomes }, undefined, 2)}\n`);
  else print(`${redact(outcomes.map((one) => lineOf(one, isTrial)).join('\n'))}\n`);
  return code;
}

/** `undefined` when the Citadel does not do so, which has been told then. */
async function ask(address: Address, query: URLSearchParams): Promise<readonly RevokedCertificate[] | undefined> {
  const reply = await askRevocation(address, query, TIMEOUT_MS);
  if (reply.kind === 'answered') return reply.certificates;
  printError(`sidecert revoke: ${redact(reply.reason)}: ${reply.advice}\n`);
  return undefined;
}

/** What the command line names, as requests, and for people. */
function wantedOf(
  { serial, identity, certificates }: RevokeConfig,
  terms: Terms,
): { readonly queries: readonly URLSearchParams[]; readonly name: string } {
  if (serial !== undefined) return { queries: [new URLSearchParams({ serial, ...terms })], name: `serial ${serial}` };
  if (identity !== undefined) {
    const query = new URLSearchParams({ identity: String(identity), ...terms });
    return { queries: [query], name: `identity ${identity}` };
  }
  const named = certificates.map((one) => ({ serial: one.serial, not_after: new Date(one.notAfterMs).toISOString() }));
  return { queries: queriesOf(named, terms), name: `certificate ${named.map((one) => one.serial).join(', ')}` };
}

/** Has a Citadel revoke these, of whichever Citadel they are; resolves with the serials of those that it has not. */
async function tell(address: Address, certificates: readonly RevokedCertificate[], terms: Terms): Promise<string[]> {
  const missing = new Set(certificates.map(({ serial }) => serial));
  for (const query of queriesOf(certificates, terms)) {
    const revoked = await ask(address, query);
    if (revoked === undefined) break;
    for (const { serial } of revoked) missing.delete(serial);
  }
  return [...missing];
}

function queriesOf(certificates: readonly RevokedCertificate[], terms: Terms): readonly URLSearchParams[] {
  const queries: URLSearchParams[] = [];
  for (const identity of new Set(certificates.map(({ spiffe_id }) => spiffe_id))) {
    const group = certificates.filter(({ spiffe_id }) => spiffe_id === identity);
    for (let at = 0; at < group.length; at += MAX_CERTIFICATES) {
      const query = new URLSearchParams({ ...terms, ...(identity !== undefined && { identity }) });
      for (const { serial, not_after } of group.slice(at, at + MAX_CERTIFICATES)) {
        query.append('certificate', `${serial}@${Math.ceil(Date.parse(not_after) / 1000)}`);
      }
      queries.push(query);
    }
  }
  return queries;
}

interface Outcome extends RevokedCertificate {
  /** Citadels that have not done so; `undefined`: none. */
  readonly not_revoked_by: readonly string[] | undefined;
}

function lineOf({ serial, spiffe_id, not_after, not_revoked_by: others }: Outcome, isTrial: boolean): string {
  const done = others === undefined ? 'revoked' : `NOT revoked by ${others.join(', ')}`;
  return `${isTrial ? 'would be revoked' : done}: serial ${serial}, ${spiffe_id ?? 'unknown identity'}, until ${not_after}`;
}
