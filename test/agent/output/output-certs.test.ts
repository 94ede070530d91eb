import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { OutputCerts, OutputDirectory, type SvidFiles } from '../../../src/agent/output/index.js';
import { MetricRegistry } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { mismatchOf, readByName, svidFiles } from '../../support/output-sets.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';

/** Files that follow a source, by a clock that the test moves. */
function setUp(t: Test, path: string) {
  const clock = new FakeClock();
  const timers = new WallClockTimers(clock);
  const logger = new RecordingLogger();
  const listeners = new Set<() => void>();
  let held: SvidFiles | undefined;
  const taken: SvidFiles[] = [];
  const output = new OutputCerts({
    directory: new OutputDirectory(path, { mode: 0o600, now: clock.now }),
    source: {
      files() {
        if (held === undefined) return undefined;
        const copy = { ...held, privateKeyPem: Buffer.from(held.privateKeyPem) };
        taken.push(copy);
        return copy;
      },
      onChange(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    ...{ timers, now: clock.now, logger, metrics: new MetricRegistry() },
  });
  t.teardown(async () => {
    await output.close();
    timers.close();
  });
  return {
    ...{ output, clock, logger, taken, listeners },
    hold(files: SvidFiles) {
      held = files;
      for (const listener of listeners) listener();
    },
  };
}

t.test('nothing is written before there is an SVID, then each one as it comes', async (t) => {
  const path = join(shortDir(t), 'certs');
  const { output, logger, hold, taken } = setUp(t, path);
  output.start();
  t.match(output.status(), { path, state: 'waiting', failures: 0 });
  for (const count of [1, 2, 3]) {
    const files = svidFiles();
    hold(files);
    const { fields } = await logger.until('svid files written', count);
    t.equal(fields.serial, files.serial);
    t.equal(readByName(path).key, files.privateKeyPem.toString());
    t.match(output.status(), { state: 'written', serial: files.serial });
  }
  t.ok(
    taken.every(({ privateKeyPem }) => privateKeyPem.every((byte) => byte === 0)),
    'no copy of a key stays',
  );
});

t.test('of changes that come while files are written the last one counts', async (t) => {
  const path = shortDir(t);
  const { output, logger, hold } = setUp(t, path);
  output.start();
  hold(svidFiles());
  await logger.until('svid files written');
  const sets = [svidFiles(), svidFiles(), svidFiles()] as const;
  for (const set of sets) hold(set);
  const last = async (count: number): Promise<void> => {
    const { fields } = await logger.until('svid files written', count);
    if (fields.serial !== sets[2].serial) await last(count + 1);
  };
  await last(2);
  t.equal(readByName(path).key, sets[2].privateKeyPem.toString());
  t.equal(mismatchOf(readByName(path)), undefined);
});

t.test('it is told once that keys are in files, and whether those are on a disk', async (t) => {
  for (const [path, message] of [
    [shortDir(t), 'private keys are written to a disk, expected a file system in memory (tmpfs)'],
    ['/dev/shm', 'private keys are written to files, in memory'],
  ] as const) {
    const directory = path === '/dev/shm' ? join(path, `sidecert-${process.pid}`) : path;
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const { output, logger, hold } = setUp(t, directory);
    output.start();
    for (const count of [1, 2]) {
      hold(svidFiles());
      await logger.until('svid files written', count);
    }
    await output.close();
    t.match(await logger.until(message), { level: 'warn', fields: { path: directory } });
    t.equal(logger.of(message).length, 1);
  }
});

t.test('a failure is told with its reason and tried again until it is written', async (t) => {
  const path = join(shortDir(t), 'certs');
  writeFileSync(path, 'in the way');
  const { output, logger, clock, hold } = setUp(t, path);
  output.start();
  const files = svidFiles();
  hold(files);
  const told = await logger.until('svid files not written');
  t.match(told, { level: 'error', fields: { path, code: 'ERR_OUTPUT_FAILED', error: /EEXIST/, attempt: 1 } });
  const failing = output.status();
  t.match(failing, { state: 'failing', failures: 1, lastFailure: { code: 'ERR_OUTPUT_FAILED', message: /EEXIST/ } });
  for (const [index, waitMs] of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
    await clock.untilArmed();
    clock.advance(waitMs - 1);
    t.equal(output.status().failures, index + 1);
    clock.advance(1);
    await logger.until('svid files not written', index + 2);
  }
  const levels = logger.of('svid files not written').map(({ level }) => level);
  t.strictSame(levels, ['error', ...Array.from({ length: 7 }, () => 'debug')], 'the same again is no news');
  rmSync(path);
  await clock.untilArmed();
  clock.advance(30_000);
  await logger.until('svid files written');
  t.equal(readByName(path).chain, files.chainPem.toString());
  t.match(output.status(), { state: 'written', failures: 0 });
});

t.test('files that were removed are written again', async (t) => {
  const path = join(shortDir(t), 'certs');
  const { output, logger, clock, hold } = setUp(t, path);
  output.start();
  const files = svidFiles();
  hold(files);
  await logger.until('svid files written');
  rmSync(path, { recursive: true });
  await clock.untilArmed();
  clock.advance(30_000);
  t.match(await logger.until('svid files were removed, writing them again'), { level: 'warn', fields: { path } });
  await logger.until('svid files written', 2);
  t.equal(readByName(path).key, files.privateKeyPem.toString());
});

t.test('after its end nothing is written, and the files stay', async (t) => {
  const path = shortDir(t);
  const { output, logger, hold, listeners } = setUp(t, path);
  output.start();
  hold(svidFiles());
  await logger.until('svid files written');
  await output.close();
  t.equal(listeners.size, 0);
  hold(svidFiles());
  t.equal(mismatchOf(readByName(path)), undefined);
  await output.close();
});
