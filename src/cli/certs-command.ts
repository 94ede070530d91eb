import type { InventoryQuery } from '../citadel/inventory/index.js';
import { readTrail, type TrailRecord } from '../citadel/trail/index.js';
import type { CertsListConfig, CertsShowConfig } from '../config/index.js';
import { IdentityError, messageOf } from '../errors/index.js';
import { redact } from '../telemetry/index.js';
import { plainSerial } from '../text/index.js';
import { Exit, print, printError } from './process.js';

/** `sidecert certs list`: a line each, as they come, so that a trail of any size can be gone through. */
export async function runCertsList(config: CertsListConfig): Promise<number> {
  const { source, identities, since, until, validAt, events, output } = config;
  const isWanted = wanted(config);
  // What comes is looked at again: of a pattern a database only knows how it begins.
  const prefixes = identities.map((pattern) => pattern.replace(/\*.*$/s, ''));
  const event = events === 'issued' || events === 'revoked' ? events : undefined;
  const query = { event, prefixes, sinceMs: since, untilMs: until, validAtMs: validAt };
  for await (const record of recordsOf(source, query)) {
    if (isWanted(record)) print(output === 'json' ? `${JSON.stringify(record)}\n` : `${redact(lineOf(record))}\n`);
  }
  return Exit.ok;
}

/** When it was issued, and when it was revoked. */
const SHOWN: ReadonlySet<string> = new Set(['issued', 'revoked']);

/** `sidecert certs show`: exit code 1 when there is no such certificate. */
export async function runCertsShow({ source, serial, output }: CertsShowConfig): Promise<number> {
  let found = 0;
  for await (const record of recordsOf(source, { serial })) {
    if (!SHOWN.has(record.event) || plainSerial(String(record.serial)) !== serial) continue;
    found += 1;
    print(output === 'json' ? `${JSON.stringify(record)}\n` : `${redact(allOf(record))}\n`);
  }
  if (found > 0) return Exit.ok;
  const where = source.kind === 'trail' ? `the trail in ${source.directory}` : 'the inventory';
  printError(`sidecert certs show: got serial ${serial}, expected one of ${where}\n`);
  return Exit.failed;
}

/** All of a trail; of an inventory, which is loaded here, those that are asked for. */
async function* recordsOf(source: CertsListConfig['source'], query: InventoryQuery): AsyncGenerator<TrailRecord> {
  if (source.kind === 'trail') {
    yield* readTrail(source.directory);
    return;
  }
  const { openInventoryToRead, placeText } = await import('../citadel/inventory/index.js');
  try {
    const store = await openInventoryToRead(source);
    try {
      for await (const record of store.find(query)) yield JSON.parse(record);
    } finally {
      await store.close();
    }
  } catch (error) {
    const expected = 'one that a Citadel keeps (--inventory)';
    const message = `inventory ${placeText(source)}: got ${messageOf(error)}, expected ${expected}`;
    throw new IdentityError('ERR_INVENTORY_UNAVAILABLE', message, { cause: error });
  }
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
