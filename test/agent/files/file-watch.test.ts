import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import {
  appendFileSync,
  type FSWatcher,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileChanges, FileWatch, PathWatches } from '../../../src/agent/files/index.js';
import { PathWatch } from '../../../src/agent/files/path-watches.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';

/** Its polls are 300 times as far apart as those of an agent: what is told of is told of by the kernel. */
const SLOW_POLL = 300;

/** Real timers, but a clock by which they are slow. */
function setUp(t: Test) {
  const logger = new RecordingLogger();
  const timers = new WallClockTimers({
    now: Date.now,
    after(delayMs, fire) {
      const timer = setTimeout(fire, delayMs < SLOW_POLL ? delayMs : delayMs * SLOW_POLL);
      return () => clearTimeout(timer);
    },
  });
  t.teardown(() => timers.close());
  const watches = new PathWatches(logger);
  const watch = new FileWatch({ timers, now: Date.now, watches });
  t.teardown(() => watch.close());
  return { logger, watch, directory: shortDir(t) };
}

/** Looks at a path by a real watch; `changed` resolves when the next change has been told. */
async function follow(watch: FileWatch, path: string) {
  let count = 0;
  let tell = (): void => {};
  new FileChanges(watch).onChange(path, () => {
    count += 1;
    tell();
  });
  await settled(watch);
  return {
    async changedBy(change: () => void): Promise<void> {
      const before = count;
      const told = new Promise<void>((resolve) => {
        tell = () => count > before && resolve();
      });
      change();
      await told;
    },
  };
}

/** All who look have looked once, with their watches set up: they do so in the order in which they came. */
function settled(watch: FileWatch): Promise<void> {
  return new Promise((resolve) => {
    const stop = watch.add(async () => {
      stop();
      resolve();
    });
  });
}

/** A volume of the kubelet: its files are links through `..data`, which one rename leads elsewhere. */
function swapData(directory: string, version: number): void {
  mkdirSync(join(directory, `..${version}`));
  writeFileSync(join(directory, `..${version}`, 'token'), `token ${version}`);
  symlinkSync(`..${version}`, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  rmSync(join(directory, `..${version - 1}`), { recursive: true, force: true });
}

t.test('three swaps of the kubelet are told of', async (t) => {
  const { watch, directory } = setUp(t);
  swapData(directory, 0);
  symlinkSync('..data/token', join(directory, 'token'));
  const { changedBy } = await follow(watch, join(directory, 'token'));
  for (const version of [1, 2, 3]) await changedBy(() => swapData(directory, version));
});

t.test('so is a change in any directory of a chain of links, and in those that were reached by it', async (t) => {
  const { watch, directory } = setUp(t);
  const at = (...names: string[]): string => join(directory, ...names);
  for (const name of ['one', 'two', 'links', 'more']) mkdirSync(at(name));
  writeFileSync(at('one', 'file'), 'a');
  writeFileSync(at('two', 'file'), 'bb');
  symlinkSync('../one', at('more', 'place'));
  symlinkSync(at('more'), at('links', 'way'));
  symlinkSync('links/way/place/file', at('path'));
  const { changedBy } = await follow(watch, at('path'));
  await changedBy(() => writeFileSync(at('one', 'file'), 'aaa'));
  await changedBy(() => {
    symlinkSync('../two', at('more', 'new'));
    renameSync(at('more', 'new'), at('more', 'place'));
  });
  await changedBy(() => writeFileSync(at('two', 'file'), 'bbbb'));
  await changedBy(() => {
    renameSync(at('more'), at('before'));
    mkdirSync(at('more'));
    symlinkSync('../one', at('more', 'place'));
  });
  await changedBy(() => writeFileSync(at('one', 'file'), 'aaaaa'));
});

t.test('a file is replaced, cut, written, deleted with its directories, and made again late', async (t) => {
  const { watch, directory } = setUp(t);
  const place = join(directory, 'a', 'b');
  const path = join(place, 'file');
  mkdirSync(place, { recursive: true });
  writeFileSync(path, 'first');
  const { changedBy } = await follow(watch, path);
  await changedBy(() => {
    writeFileSync(`${path}.new`, 'second');
    renameSync(`${path}.new`, path);
  });
  await changedBy(() => truncateSync(path));
  await changedBy(() => appendFileSync(path, 'third'));
  await changedBy(() => unlinkSync(path));
  await changedBy(() => writeFileSync(path, 'fourth'));
  await changedBy(() => rmSync(join(directory, 'a'), { recursive: true }));
  mkdirSync(join(directory, 'a'));
  await settled(watch);
  mkdirSync(place);
  await changedBy(() => writeFileSync(path, 'fifth'));
  await changedBy(() => writeFileSync(path, 'sixth!'));
});

t.test('a file that was mounted by itself is changed where it comes from', async (t) => {
  const { watch, directory } = setUp(t);
  const [source, mounted] = [join(directory, 'source'), join(directory, 'mounted')];
  for (const path of [source, mounted]) mkdirSync(path);
  writeFileSync(join(source, 'file'), 'first');
  writeFileSync(join(mounted, 'file'), '');
  if (!bindMount(t, join(source, 'file'), join(mounted, 'file'))) return;
  const { changedBy } = await follow(watch, join(mounted, 'file'));
  await changedBy(() => writeFileSync(join(source, 'file'), 'second'));
  await changedBy(() => truncateSync(join(source, 'file')));
});

t.test('a volume that was mounted is swapped where it comes from', async (t) => {
  const { watch, directory } = setUp(t);
  const [source, mounted] = [join(directory, 'source'), join(directory, 'mounted')];
  for (const path of [source, mounted]) mkdirSync(path);
  swapData(source, 0);
  symlinkSync('..data/token', join(source, 'token'));
  if (!bindMount(t, source, mounted)) return;
  const { changedBy } = await follow(watch, join(mounted, 'token'));
  for (const version of [1, 2]) await changedBy(() => swapData(source, version));
});

/** False, with the reason, where it may not be made. */
function bindMount(t: Test, source: string, target: string): boolean {
  try {
    execFileSync('mount', ['--bind', source, target], { stdio: 'pipe' });
  } catch {
    t.pass('no mount can be made here');
    return false;
  }
  t.teardown(() => execFileSync('umount', [target]));
  return true;
}

t.test('other files beside it wake nobody', async (t) => {
  const { watch, directory } = setUp(t);
  const path = join(directory, 'file');
  writeFileSync(path, 'x');
  let looks = 0;
  const look = async (): Promise<void> => {
    looks += 1;
  };
  watch.add(look, { paths: [path] });
  await settled(watch);
  const other = await follow(watch, join(directory, 'other'));
  const before = looks;
  await other.changedBy(() => writeFileSync(join(directory, 'other'), 'y'));
  t.equal(looks, before);
});

t.test('a thousand files take one inotify instance', async (t) => {
  const { watch, directory } = setUp(t);
  const paths = Array.from({ length: 1000 }, (_, index) => join(directory, String(index)));
  for (const path of paths) writeFileSync(path, path);
  const changes = new FileChanges(watch);
  for (const path of paths) changes.onChange(path, () => {});
  const { changedBy } = await follow(watch, join(directory, '999'));
  await changedBy(() => appendFileSync(join(directory, '999'), 'x'));
  const links = execFileSync('sh', ['-c', `ls -l /proc/${process.pid}/fd`], { encoding: 'utf8' });
  t.equal(links.match(/inotify/g)?.length, 1);
});

t.test('where no watch can be had files are looked at once a second, which one line tells', async (t) => {
  const logger = new RecordingLogger();
  const clock = new FakeClock();
  const timers = new WallClockTimers(clock);
  const watches = new PathWatches(logger, () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC', errno: -28 });
  });
  const watch = new FileWatch({ timers, now: clock.now, watches });
  t.teardown(() => watch.close());
  let looked = (): void => {};
  const path = join(shortDir(t), 'file');
  watch.add(async () => looked(), { paths: [path] });
  for (const waitMs of [0, 1000, 1000]) {
    await new Promise<void>((resolve) => {
      looked = resolve;
      clock.advance(waitMs);
    });
    await clock.untilArmed();
  }
  t.match(logger.of('files cannot be watched, and are looked at once a second'), [
    { level: 'warn', fields: { error: /no space left on device \(ENOSPC\)/ } },
  ]);
});

t.test('a change in a directory with thousands of files is told to those alone who look at that file', async (t) => {
  const directory = shortDir(t);
  const listeners = new Map<string, (event: string, name: string | null) => void>();
  const watches = new PathWatches(new RecordingLogger(), (path, _options, listener) => {
    listeners.set(path, listener);
    return Object.assign(new EventEmitter(), { close: () => {} }) as unknown as FSWatcher;
  });
  const { tell } = PathWatch.prototype;
  let told = 0;
  PathWatch.prototype.tell = function (...args) {
    told += 1;
    return tell.apply(this, args);
  };
  t.teardown(() => {
    PathWatch.prototype.tell = tell;
  });
  const events: string[] = [];
  // All at once: one after the other they wait for a thread ten thousand times.
  await Promise.all(
    Array.from({ length: 2000 }, async (_, file) => {
      const watch = watches.open([join(directory, `${file}`)], () => events.push(`${file}`));
      t.teardown(() => watch.close());
      await watch.arm();
    }),
  );
  listeners.get(directory)?.('rename', '7');
  t.strictSame(events, ['7']);
  t.equal(told, 1);
});
