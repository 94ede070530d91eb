import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { findValidLeaves, readValidLeaves, type TrailOptions, TrailWriter } from '../../../src/citadel/trail/index.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const LEAF = TestCa.root().certificatePem;
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 11, 1);

/** A trail of files with two records or three; each leaf lives for an hour, and the next comes an hour later. */
async function write(t: Test, count: number, more: Partial<TrailOptions> = {}) {
  const directory = join(t.testdir(), 'trail');
  const world = { nowMs: START_MS };
  const trail = await TrailWriter.open({
    ...{ directory, replica: 'citadel-0', version: '1', mode: 'wait', maxWaitMs: 60_000, keepMs: 1e12 },
    ...{ logger: new RecordingLogger(), now: () => world.nowMs, maxFileBytes: 400, ...more },
  });
  for (let at = 1; at <= count; at += 1) {
    world.nowMs = START_MS + at * HOUR_MS;
    await trail.issued({ serial: `${at}`, not_after: new Date(world.nowMs + HOUR_MS).toISOString() }, LEAF);
  }
  await trail.close();
  return { directory, nowMs: world.nowMs };
}

const namesIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith('trail-'))
    .sort();
const KEPT = '.leaf-ends.json';
const keptIn = (directory: string): string[] =>
  Object.keys(JSON.parse(readFileSync(join(directory, KEPT), 'utf8'))).sort();

async function read(directory: string, nowMs: number) {
  const serials: unknown[] = [];
  const sinceMs = await readValidLeaves(directory, nowMs, ({ serial }) => serials.push(serial));
  return { serials, sinceMs };
}

t.test('files whose leaves have expired are passed over, and what they say since when is known', async (t) => {
  const { directory, nowMs } = await write(t, 12);
  const names = namesIn(directory);
  t.ok(names.length > 3);
  t.same(keptIn(directory), names.slice(0, -1), 'kept as files turn over');
  const want = { serials: ['11', '12'], sinceMs: START_MS };
  t.same(await read(directory, nowMs), want);
  // Nothing of the oldest is looked at: the same octets in number would be no records.
  const [oldest = ''] = names.map((name) => join(directory, name));
  const octets = readFileSync(oldest);
  writeFileSync(oldest, Buffer.alloc(octets.length, 'x'));
  t.same(await read(directory, nowMs), want);
  const found: unknown[] = [];
  for await (const { serial } of findValidLeaves(directory, nowMs, '"serial":"1')) found.push(serial);
  t.same(found, ['11', '12']);
  writeFileSync(oldest, octets);

  rmSync(join(directory, KEPT));
  t.same(await read(directory, nowMs), want, 'without it all is read');
  t.same(keptIn(directory), names.slice(0, -1), 'and kept again');
  t.same((await read(directory, START_MS + HOUR_MS)).serials.length, 12, 'by an earlier clock they are valid');
});

t.test('a file that has become longer is read again, and one that is gone is forgotten', async (t) => {
  const { directory, nowMs } = await write(t, 12);
  await read(directory, nowMs);
  const [oldest = '', second = ''] = namesIn(directory);
  const late = { n: 1, time: new Date(nowMs).toISOString(), event: 'issued', serial: 'late', prev: '' };
  const line = JSON.stringify({ ...late, not_after: new Date(nowMs + HOUR_MS).toISOString() });
  appendFileSync(join(directory, second), `${line}\n`);
  rmSync(join(directory, oldest));
  t.same((await read(directory, nowMs)).serials, ['late', '11', '12']);
  t.notOk(keptIn(directory).includes(oldest));
});

t.test('what is kept and is no summary counts for nothing', async (t) => {
  const { directory, nowMs } = await write(t, 12);
  const [oldest = ''] = namesIn(directory);
  for (const content of ['', 'x', '[]', 'null', JSON.stringify({ [oldest]: { size: 'x', untilMs: 0 } })]) {
    writeFileSync(join(directory, KEPT), content);
    t.same((await read(directory, nowMs)).serials, ['11', '12'], content);
  }
});

t.test(
  'of records that were dropped it is not known who got the certificates, as long as the trail tells',
  async (t) => {
    const { directory, nowMs } = await write(t, 12);
    await read(directory, nowMs);
    const [, second = ''] = namesIn(directory);
    const lostMs = START_MS + 2 * HOUR_MS;
    const lost = { n: 1, time: new Date(lostMs).toISOString(), event: 'lost', records: 3, prev: '' };
    appendFileSync(join(directory, second), `${JSON.stringify(lost)}\n`);
    for (const _ of [1, 2]) t.equal((await read(directory, nowMs)).sinceMs, lostMs);
  },
);
