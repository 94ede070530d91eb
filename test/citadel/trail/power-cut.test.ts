import { cpSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parsePosition, type TrailOptions, TrailWriter, verifyTrail } from '../../../src/citadel/trail/index.js';
import { messageOf } from '../../../src/errors/index.js';
import { type CutDisk, recordDisk } from '../../support/power-cut.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

// Some hundred disks, each started from.
t.setTimeout(300_000);

const LEAF = TestCa.root().certificatePem;
const DAY_MS = 24 * 3_600_000;

const open = (directory: string, more: Partial<TrailOptions> = {}): Promise<TrailWriter> =>
  TrailWriter.open({
    ...{ directory, replica: 'citadel-0', version: '1', mode: 'wait', maxWaitMs: 60_000, keepMs: 365 * DAY_MS },
    ...{ logger: new RecordingLogger(), now: Date.now, maxFileBytes: 400, ...more },
  });

/** The files of a trail, oldest first. */
const namesIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith('trail-'))
    .sort();

/** Certificates that go out one after the other: each is a promise that its record is on the disk. */
async function issue(trail: TrailWriter, serials: readonly string[], promise: (text: string) => void): Promise<void> {
  for (const serial of serials) {
    await trail.issued({ serial }, LEAF);
    promise(`${serial} ${trail.state.head}`);
  }
}

/** What is wrong with a trail that goes on after the cut; `undefined`: nothing. */
async function faultAfter({ directory, promises, cut }: CutDisk): Promise<string | undefined> {
  const place = join(directory, 'trail');
  try {
    const trail = await open(place);
    await trail.issued({ serial: 'after' }, LEAF);
    await trail.close();
    const text = namesIn(place)
      .map((name) => readFileSync(join(place, name), 'utf8'))
      .join('');
    for (const serial of [...promises.map((one) => one.split(' ')[0]), 'after']) {
      if (!text.includes(`"serial":"${serial}"`)) throw new Error(`no record of ${serial}`);
    }
    const [, head] = promises.at(-1)?.split(' ') ?? [];
    const { fault } = await verifyTrail(place, head === undefined ? undefined : parsePosition(head, 'ERR_INTERNAL'));
    return fault && `${cut}: ${fault.file} line ${fault.line}: ${fault.what}`;
  } catch (error) {
    return `${cut}: ${messageOf(error)}`;
  }
}

t.test('a trail that begins, goes on and turns over loses no promised record, wherever the power goes', async (t) => {
  const place = shortDir(t);
  const disk = await recordDisk(place, async (promise) => {
    const trail = await open(join(place, 'trail'));
    await issue(trail, ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'], promise);
    trail.refused({ code: 'ERR_TOKEN_REFUSED', reason: 'x' });
    await trail.close();
  });
  t.ok(namesIn(join(place, 'trail')).length > 2, 'it has turned over');
  const faults: unknown[] = [];
  const count = await disk.eachCut(async (cut) => void faults.push(await faultAfter(cut)));
  t.comment(`${disk.steps.length} steps, ${count} disks`);
  t.same(
    faults.filter((fault) => fault !== undefined),
    [],
  );
});

t.test('a cut while old files are removed leaves no gap without a reason', async (t) => {
  const place = shortDir(t);
  const directory = join(place, 'trail');
  const before = await open(directory);
  await issue(before, ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8'], () => {});
  await before.close();
  const longAgo = Date.now() / 1000 - 10 * 86_400;
  for (const name of namesIn(directory).slice(0, 3)) utimesSync(join(directory, name), longAgo, longAgo);
  const disk = await recordDisk(place, async (promise) => {
    const trail = await open(directory, { keepMs: DAY_MS });
    await issue(trail, ['b1', 'b2'], promise);
    await trail.close();
  });
  t.equal(disk.steps.filter(({ kind }) => kind === 'remove').length, 3);
  const faults: unknown[] = [];
  const count = await disk.eachCut(async (cut) => void faults.push(await faultAfter(cut)));
  t.comment(`${disk.steps.length} steps, ${count} disks`);
  t.same(
    faults.filter((fault) => fault !== undefined),
    [],
  );
});

t.test('a second cut, in the start after the first one, takes no more', async (t) => {
  const place = shortDir(t);
  const first = await recordDisk(place, async (promise) => {
    const trail = await open(join(place, 'trail'));
    await issue(trail, ['a1', 'a2', 'a3'], promise);
  });
  const torn: { directory: string; promises: readonly string[] }[] = [];
  await first.eachCut(async ({ directory, promises, cut }) => {
    if (!/content: half/.test(cut)) return;
    const kept = join(shortDir(t), 'disk');
    mkdirSync(kept);
    cpSync(directory, kept, { recursive: true });
    torn.push({ directory: kept, promises });
  });
  t.ok(torn.length > 3, `${torn.length} torn disks`);
  const faults: unknown[] = [];
  for (const { directory, promises: before } of torn) {
    const second = await recordDisk(directory, async (promise) => {
      const trail = await open(join(directory, 'trail'));
      await issue(trail, ['b1'], promise);
      await trail.close();
    });
    await second.eachCut(async ({ promises, ...cut }) => {
      faults.push(await faultAfter({ ...cut, promises: [...before, ...promises] }));
    });
  }
  t.same(
    faults.filter((fault) => fault !== undefined),
    [],
  );
});
