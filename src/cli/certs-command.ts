import { readTrail, type TrailRecord } from '../citadel/trail/index.js';
import type { CertsListConfig, CertsShowConfig } from '../config/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, print, printError } from './process.js';

/** `sidecert certs list`: a line each, as they come, so that a trail of any size can be gone through. */
export async function runCertsList(config: CertsListConfig): Promise<number> {
  const isWanted = wanted(config);
  for await (const record of readTrail(config.directory)) {
    if (isWanted(record))
      print(config.output === 'json' ? `${JSON.stringify(record)}\n` : `${redact(lineOf(record))}\n`);
  }
  return Exit.ok;
}

/** When it was issued, and when it was revoked. */
const SHOWN: ReadonlySet<string> = new Set(['issued', 'revoked']);

/** `sidecert certs show`: exit code 1 when the trail knows no such certificate. */
export async function runCertsShow({ directory, serial, output }: CertsShowConfig): Promise<number> {
  let found = 0;
  for await (const record of readTrail(directory)) {
    if (!SHOWN.has(record.event) || String(record.serial).replace(/^0+(?=.)/, '') !== serial) continue;
    found += 1;
    print(output === 'json' ? `${JSON.stringify(record)}\n` : `${redact(allOf(record))}\n`);
  }
  if (found > 0) return Exit.ok;
  printError(`sidecert certs show: got serial ${serial}, expected one of the trail in ${directory}\n`);
  return Exit.failed;
}

const LISTED: ReadonlySet<string> = new Set(['issued', 'refused', 'revoked']);

function wanted({ identities, since, until, validAt, events }: CertsListConfig): (record: TrailRecord) => boolean {
  const patterns = identities.map(patternOf);
  return ({ event, time, spiffe_id, not_before, not_after }) => {
    if (events === 'all' ? !LISTED.has(event) : event !== events) return false;
    const atMs = Date.parse(time);
    if (since !== undefined && atMs < since) return false;
    if (until !== undefined && atMs >= until) return false;
    if (
      validAt !== undefined &&
      !(Date.parse(String(not_before)) <= validAt && validAt <= Date.parse(String(not_after)))
    ) {
      return false;
    }
    return patterns.length === 0 || patterns.some((pattern) => pattern.test(String(spiffe_id)));
  };
}

function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

function lineOf({ event, time, serial, spiffe_id, not_after, code, reason }: TrailRecord): string {
  if (event === 'refused') return `${time} refused ${spiffe_id ?? 'unproven'} ${code}: ${reason}`;
  return `${time} ${event} ${spiffe_id ?? 'unknown'} serial ${serial} until ${not_after}`;
}

function allOf(record: TrailRecord): string {
  const fields = Object.entries(record).filter(([name]) => name !== 'prev');
  return fields.map(([name, value]) => `${name.padEnd(12)} ${String(value)}`).join('\n');
}
