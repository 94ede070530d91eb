import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import {
  parsePosition,
  type TrailOptions,
  type TrailReport,
  TrailWriter,
  verifyTrail,
} from '../../../src/citadel/trail/index.js';
import { withoutOwnDisks } from '../../hostile/own-disk.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';

const LEAF = execFileSync(
  'openssl',
  [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=leaf',
    '-keyout',
    '/dev/null',
  ],
  { stdio: ['ignore', 'pipe', 'ignore'] },
);
const DAY_MS = 24 * 3_600_000;

/** A trail with so many certificates in it. */
async function writeTrail(directory: string, count: number, more: Partial<TrailOptions> = {}): Promise<TrailWriter> {
  const trail = await TrailWriter.open({
    ...{ directory, replica: 'citadel-0', version: '1', mode: 'wait', maxWaitMs: 60_000, keepMs: 365 * DAY_MS },
    ...{ logger: new RecordingLogger(), now: Date.now, ...more },
  });
  for (let at = 0; at < count; at += 1) await trail.issued({ serial: `${at}` }, LEAF);
  return trail;
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith('trail-'))
    .sort()
    .map((name) => join(directory, name));
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n');

t.test('each record holds the hash of the one before, as any program can see', async (t) => {
  const directory = join(t.testdir(), 'trail');
  const trail = await writeTrail(directory, 3);
  trail.refused({ code: 'ERR_TOKEN_EXPIRED', reason: `a token\n${'x'.repeat(1000)}` });
  await trail.close();
  let hash = Buffer.alloc(32).toString('base64url');
  const records = filesIn(directory)
    .flatMap(linesOf)
    .map((line, at) => {
      const record = JSON.parse(line);
      t.equal(record.n, at + 1);
      t.equal(record.prev, hash);
      hash = createHash('sha256').update(line).digest('base64url');
      return record;
    });
  const events = ['opened', 'issued', 'issued', 'issued', 'refused', 'closed'];
  t.same(
    records.map(({ event }) => event),
    events,
  );
  t.match(records[1], { serial: '0', key_type: 'ec-p256' });
  t.equal(records[4].reason.length, 500);
  t.equal(trail.state.head, `6:${hash}`);
  const report = await verifyTrail(directory, parsePosition(trail.state.head, 'ERR_CONFIG_INVALID'));
  t.match(report, { records: 6, events: { issued: 3, refused: 1 }, fault: undefined, notes: [] });
});

t.test('an edit, a line too few or too many, and a cut at either end are found', async (t) => {
  const directory = join(t.testdir(), 'trail');
  const trail = await writeTrail(directory, 5);
  await trail.close();
  const [file = ''] = filesIn(directory);
  const lines = linesOf(file);
  const change = async (edit: (lines: readonly string[]) => readonly string[]): Promise<TrailReport> => {
    writeFileSync(file, `${edit(lines).join('\n')}\n`);
    return verifyTrail(directory, parsePosition(trail.state.head, 'ERR_CONFIG_INVALID'));
  };
  t.equal((await change((all) => all)).fault, undefined);
  const edited = await change((all) => all.map((line) => line.replace('"serial":"2"', '"serial":"9"')));
  t.match(edited.fault, { line: 5, what: /record 5 follows another record 4/ });
  const missing = await change((all) => all.filter((_, at) => at !== 3));
  t.match(missing.fault, { line: 4, what: /got record 5, expected 4/ });
  t.match((await change((all) => all.slice(0, -2))).fault, { what: /the trail ends at record 5, expected 7/ });
  t.match((await change((all) => all.slice(2))).fault, { line: 1, what: /records 1 to 2 are missing, and no record/ });
  const spoiled = await change((all) => all.map((line, at) => (at === 2 ? 'x'.repeat(100_000) : line)));
  t.match(spoiled.fault, { line: 3 });
  t.match((await change((all) => [...all, 'nothing'])).fault, { line: 8, what: /no record/ });
});

t.test('a power cut at any octet loses no record that a certificate has waited for', async (t) => {
  const directory = join(t.testdir(), 'trail');
  const trail = await writeTrail(directory, 2);
  const [file = ''] = filesIn(directory);
  const synced = readFileSync(file).length;
  await trail.issued({ serial: 'being written' }, LEAF);
  const whole = readFileSync(file);
  await trail.close();
  const wrong: unknown[] = [];
  for (let size = synced; size < whole.length; size += 1) {
    // What was not synced yet may be missing, or zeros.
    for (const rest of [0, whole.length - size]) {
      const place = t.testdir();
      const cut = join(place, 'trail');
      mkdirSync(cut);
      writeFileSync(join(cut, basename(file)), Buffer.concat([whole.subarray(0, size), Buffer.alloc(rest)]));
      await (await writeTrail(cut, 1)).close();
      const { fault, events } = await verifyTrail(cut);
      if (fault !== undefined || events.issued !== 3) wrong.push({ size, rest, fault, events });
    }
  }
  t.same(wrong, []);
});

for (const mode of ['wait', 'queue'] as const) {
  t.test(`${mode}: a full disk`, { skip: withoutOwnDisks() }, async (t) => {
    const place = shortDir(t);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place]);
    t.teardown(() => execFileSync('umount', ['-l', place]));
    const logger = new RecordingLogger();
    // Longer than a busy machine keeps a record waiting that there is room for.
    const trail = await writeTrail(join(place, 'trail'), 1, { mode, maxWaitMs: 3000, logger });
    let taken = 1;
    const refusal = await (async () => {
      for (; taken < 200; taken += 1) await trail.issued({ padding: 'x'.repeat(400) }, LEAF);
      return undefined;
    })().catch((error: unknown) => error);
    while (trail.state.failure === undefined) await sleep(10);
    t.match(trail.state.failure, /no space left on device \(ENOSPC\)/);
    if (mode === 'wait') {
      t.match(refusal, { code: 'ERR_TRAIL_UNAVAILABLE', message: /ENOSPC/ });
      t.throws(() => trail.assertTaking(), { code: 'ERR_TRAIL_UNAVAILABLE' });
    } else {
      t.equal(refusal, undefined);
      t.doesNotThrow(() => trail.assertTaking());
    }
    execFileSync('mount', ['-o', 'remount,size=8m', place]);
    while (trail.state.failure !== undefined) await sleep(10);
    t.doesNotThrow(() => trail.assertTaking());
    await trail.issued({ serial: 'after' }, LEAF);
    await trail.close();
    const { fault, events } = await verifyTrail(join(place, 'trail'));
    t.equal(fault, undefined);
    t.ok((events.issued ?? 0) >= taken + 1, `${events.issued} records of ${taken + 1}`);
    const messages = logger.lines.map(({ message }) => message);
    t.ok(messages.includes('trail is written again'));
  });
}

t.test('files turn over, and go when they are old, which the trail itself says', async (t) => {
  const directory = join(t.testdir(), 'trail');
  await (await writeTrail(directory, 40, { maxFileBytes: 1000 })).close();
  const files = filesIn(directory);
  t.ok(files.length > 4, `${files.length} files`);
  t.match(await verifyTrail(directory), { fault: undefined, events: { issued: 40 } });
  const longAgo = (Date.now() - 2 * DAY_MS) / 1000;
  for (const file of files.slice(0, 3)) utimesSync(file, longAgo, longAgo);
  await (await writeTrail(directory, 1, { keepMs: DAY_MS })).close();
  t.equal(filesIn(directory).length, files.length - 3 + 1);
  t.match(await verifyTrail(directory), { fault: undefined, notes: [/^records 1 to \d+ were removed/] });
  rmSync(filesIn(directory)[0] ?? '');
  t.match((await verifyTrail(directory)).fault, { what: /are missing, and no record says why/ });
});

t.test('two Citadels with one directory are found', async (t) => {
  const directory = join(t.testdir(), 'trail');
  const [one, other] = [await writeTrail(directory, 1), await writeTrail(directory, 1)];
  await one.issued({ serial: 'late' }, LEAF);
  await Promise.all([one.close(), other.close()]);
  t.match((await verifyTrail(directory)).fault, { what: /got record|follows another record/ });
});

t.test('a flood of refusals is some records and a sum', async (t) => {
  const directory = join(t.testdir(), 'trail');
  const trail = await writeTrail(directory, 0);
  for (let at = 0; at < 5000; at += 1) trail.refused({ code: 'ERR_TOKEN_REFUSED', reason: `token ${at}` });
  await trail.close();
  const { events, fault } = await verifyTrail(directory);
  t.equal(fault, undefined);
  const records = filesIn(directory)
    .flatMap(linesOf)
    .map((line) => JSON.parse(line));
  const sums = records.filter(({ event }) => event === 'withheld').map(({ refused }) => refused as number);
  t.ok((events.refused ?? 0) < 1000, `${events.refused} records`);
  t.equal(
    sums.reduce((all, sum) => all + sum, events.refused ?? 0),
    5000,
  );
});

t.test('what waits for a disk is bounded, and the trail says how many were lost', async (t) => {
  const directory = join(t.testdir(), 'trail');
  const trail = await writeTrail(directory, 0, { mode: 'queue', maxPending: 10 });
  for (let at = 0; at < 15; at += 1) void trail.issued({ serial: `${at}` }, LEAF);
  t.match(trail.state, { pending: 10, lost: 5 });
  while (trail.state.pending > 0) await sleep(10);
  await trail.close();
  t.match((await verifyTrail(directory)).events, { issued: 10, lost: 1 });
});

t.test('a directory that cannot be written, and one without a trail, are said with the reason', async (t) => {
  const place = t.testdir({ file: 'x', empty: {} });
  await t.rejects(writeTrail(join(place, 'file', 'trail'), 0), {
    code: 'ERR_TRAIL_UNAVAILABLE',
    message: /trail .*file\/trail: got .*\((ENOTDIR|EEXIST)\), expected a directory that this process can write to/,
  });
  await t.rejects(verifyTrail(join(place, 'empty')), { code: 'ERR_TRAIL_UNAVAILABLE', message: /no file of a trail/ });
  t.throws(() => parsePosition('7', 'ERR_CONFIG_INVALID'), { message: /got "7", expected NUMBER:HASH/ });
});
