import { parsePosition, type TrailReport, verifyTrail } from '../citadel/trail/index.js';
import type { TrailVerifyConfig } from '../config/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, print, printError } from './process.js';

/** `sidecert trail verify`: exit code 0 when every record is as a Citadel has written it. */
export async function runTrailVerify({ directory, head, output }: TrailVerifyConfig): Promise<number> {
  const expected = head === undefined ? undefined : parsePosition(head, 'ERR_CONFIG_INVALID');
  const report = await verifyTrail(directory, expected);
  if (output === 'json') print(`${JSON.stringify(report, undefined, 2)}\n`);
  else {
    print(`${redact(shown(report).join('\n'))}\n`);
    if (report.fault !== undefined) printError(`${redact(`sidecert trail verify: ${faultText(report.fault)}`)}\n`);
  }
  return report.fault === undefined ? Exit.ok : Exit.failed;
}

function shown({ files, records, first, last, events, notes, fault }: TrailReport): string[] {
  const counts = Object.entries(events).map(([event, count]) => `${count} ${event}`);
  const lines = [`${records} records in ${files} files: ${counts.join(', ') || 'none'}`];
  if (first !== undefined) lines.push(`first ${first.n}, of ${first.time}`);
  if (last !== undefined) lines.push(`last ${last.n}, of ${last.time}; --head ${last.head}`);
  lines.push(...notes);
  lines.push(
    fault === undefined
      ? 'each record is the one that the next one follows'
      : 'CHANGED, from here on nothing is proven',
  );
  return lines;
}

function faultText({ file, line, what }: NonNullable<TrailReport['fault']>): string {
  return file === '' ? what : `${file} line ${line}: ${what}`;
}
