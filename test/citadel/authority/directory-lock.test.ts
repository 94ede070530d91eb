import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { takeLock } from '../../../src/citadel/authority/directory-lock.js';
import { withoutOwnDisks } from '../../hostile/own-disk.js';
import { shortDir } from '../../support/short-dir.js';
import { Written } from '../../support/written.js';

const LOCK = new URL('../../../src/citadel/authority/directory-lock.js', import.meta.url).href;
const BUSY = { code: 'ERR_ROTATION_REFUSED', message: 'busy' };

/** Another process, which has the lock, after what `first` does. */
async function holder(t: Test, path: string, first = ''): Promise<ChildProcess> {
  const program = `
    const { takeLock } = await import(${JSON.stringify(LOCK)});
    ${first}
    await takeLock(${JSON.stringify(path)}, 'busy');
    console.log('taken');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await new Written(child.stdout, 'the holder').line('taken');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Each path is longer than a socket may have, but the first. */
const places = (t: Test): string[] =>
  ['', 'x'.repeat(200)].map((name) => {
    const directory = join(shortDir(t), name);
    mkdirSync(directory, { recursive: true });
    return join(directory, '.lock');
  });

t.test('a lock is free at once when the process that has it was killed, and never before', async (t) => {
  for (const path of places(t)) {
    const child = await holder(t, path);
    await t.rejects(takeLock(path, 'busy'), BUSY);
    const longAgo = Date.now() / 1000 - 3600;
    utimesSync(path, longAgo, longAgo);
    child.kill('SIGSTOP');
    await t.rejects(takeLock(path, 'busy'), BUSY, 'one that stands still has it for as long');
    await end(child);
    const giveBack = await takeLock(path, 'busy');
    await t.rejects(takeLock(path, 'busy'), BUSY);
    await giveBack();
    t.same(readdirSync(join(path, '..')), [], 'nothing is left behind');
  }
});

t.test('who takes over from one that was killed may be killed, too', async (t) => {
  const [path = ''] = places(t);
  for (const _ of [1, 2, 3]) await end(await holder(t, path));
  const last = await holder(t, path);
  await t.rejects(takeLock(path, 'busy'), BUSY);
  await end(last);
  await (await takeLock(path, 'busy'))();
  t.same(readdirSync(join(path, '..')), []);
});

t.test('who takes over leaves one file, whatever was there', async (t) => {
  const [path = ''] = places(t);
  const tokens = ['0'.repeat(16), '1'.repeat(16), '2'.repeat(16)];
  // As processes leave it of which each was killed between the two steps of taking over from the one before.
  for (const [at, token] of tokens.entries()) {
    const place = at === 0 ? path : `${path}.${tokens[at - 1]}`;
    writeFileSync(place, JSON.stringify({ token, bootId: '' }));
    utimesSync(place, 0, 0);
  }
  const child = await holder(t, path);
  const { token } = JSON.parse(readFileSync(path, 'utf8'));
  t.same(readdirSync(join(path, '..')), ['.lock', `.lock.${token}.process`]);
  await t.rejects(takeLock(path, 'busy'), BUSY);
  await end(child);
  await (await takeLock(path, 'busy'))();
  t.same(readdirSync(join(path, '..')), []);
});

t.test('what those have left that were killed before they had the lock goes in time', async (t) => {
  const [path = ''] = places(t);
  const directory = join(path, '..');
  const token = '0123456789abcdef';
  const names = [`.lock.${token}`, `.lock.${token}.process`, '.lock.other', '.other-lock'];
  for (const name of names) writeFileSync(join(directory, name), '');
  await (await takeLock(path, 'busy'))();
  t.same(readdirSync(directory).sort(), names.sort(), 'it may be in use');
  for (const name of names) utimesSync(join(directory, name), 0, 0);
  await (await takeLock(path, 'busy'))();
  t.same(readdirSync(directory).sort(), ['.lock.other', '.other-lock']);
});

t.test('a lock that another has by now stays when the former holder gives it back', async (t) => {
  const [path = ''] = places(t);
  const giveBack = await takeLock(path, 'busy');
  const other = JSON.stringify({ token: '0123456789abcdef', bootId: 'of another machine' });
  writeFileSync(path, other);
  await giveBack();
  t.equal(readFileSync(path, 'utf8'), other);
  t.same(readdirSync(join(path, '..')), ['.lock'], 'of the former holder nothing is left');
});

t.test('a lock whose file cannot be removed is free once it was given back', async (t) => {
  const [path = ''] = places(t);
  const giveBack = await takeLock(path, 'busy');
  // It cannot be read as a file, and not removed as one.
  rmSync(path);
  mkdirSync(path);
  await t.rejects(giveBack());
  t.same(readdirSync(join(path, '..')), ['.lock'], 'no mark of its process');
});

t.test(
  'users of one directory see whether the lock of another is held',
  { skip: process.getuid?.() !== 0 },
  async (t) => {
    const OTHER = 65534;
    for (const mask of ['0o022', '0o077']) {
      const [path = ''] = places(t);
      const directory = join(path, '..');
      chownSync(directory, OTHER, OTHER);
      const holds = await holder(t, path, `process.umask(${mask});`);
      // The other user may not pass the directories above this one.
      const asOther = `process.chdir(${JSON.stringify(directory)}); process.setgid(${OTHER}); process.setuid(${OTHER});`;
      const busy = `${asOther} await takeLock('.lock', 'busy').catch(({ code }) => console.log(code));`;
      t.equal(ranAlone(busy), 'ERR_ROTATION_REFUSED', mask);
      await end(holds);
      if (mask === '0o077') utimesSync(path, 0, 0);
      const takes = `${asOther} await (await takeLock('.lock', 'busy'))(); console.log('taken');`;
      t.equal(ranAlone(takes), 'taken', mask);
      // Of a file that could not be read nothing tells whose mark is beside it.
      const marks = mask === '0o077' ? 1 : 0;
      t.same(
        readdirSync(directory).filter((name) => !name.endsWith('.process')),
        [],
      );
      t.equal(readdirSync(directory).length, marks);
    }
  },
);

/** What a process prints that may do so as another user. */
function ranAlone(program: string): string {
  const whole = `const { takeLock } = await import(${JSON.stringify(LOCK)}); ${program}`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', whole], { encoding: 'utf8' }).trim();
}

t.test('a full disk leaves nothing behind that stands in the way later', { skip: withoutOwnDisks() }, async (t) => {
  for (const isDead of [false, true]) {
    const directory = shortDir(t);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
    t.teardown(() => execFileSync('umount', ['-l', directory]));
    const path = join(directory, '.lock');
    if (isDead) await end(await holder(t, path));
    const filling = join(directory, 'filling');
    t.throws(() => writeFileSync(filling, Buffer.alloc(128 * 1024)), { code: 'ENOSPC' });
    const before = readdirSync(directory);
    for (const _ of [1, 2, 3]) await t.rejects(takeLock(path, 'busy'), { code: 'ENOSPC' });
    t.same(readdirSync(directory), before);
    rmSync(filling);
    await (await takeLock(path, 'busy'))();
    t.same(readdirSync(directory), []);
  }
});

/** Puts a lock there, whole, where there is none. */
function leave(path: string, content: string): void {
  const whole = `${path}.left`;
  writeFileSync(whole, content);
  try {
    linkSync(whole, path);
  } catch (error) {
    if (Object(error).code !== 'EEXIST') throw error;
  } finally {
    rmSync(whole);
  }
}

t.test('of all that find the same holder dead one has the lock', async (t) => {
  const [path = ''] = places(t);
  const child = await holder(t, path);
  const { bootId } = JSON.parse(readFileSync(path, 'utf8'));
  await end(child);
  let [inside, taken] = [0, 0];
  const contend = async (): Promise<void> => {
    for (let times = 0; times < 20; times += 1) {
      const giveBack = await takeLock(path, 'busy').catch((error: unknown) => {
        t.match(error, BUSY);
      });
      // Another turn, whoever has it.
      await new Promise((resolve) => setImmediate(resolve));
      if (giveBack === undefined) continue;
      inside += 1;
      taken += 1;
      t.equal(inside, 1);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      await giveBack();
      // As another one that was killed leaves it; unless one has it already.
      if (taken % 2 === 0) leave(path, JSON.stringify({ token: randomBytes(8).toString('hex'), bootId }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, contend));
  t.ok(taken > 0);
});

t.test('of a process of another machine a minute tells that it has ended', async (t) => {
  const [path = ''] = places(t);
  const contents = ['', JSON.stringify({ token: '0123456789abcdef', bootId: 'of another machine' })];
  for (const content of contents) {
    writeFileSync(path, content);
    await t.rejects(takeLock(path, 'busy'), BUSY);
    const longAgo = Date.now() / 1000 - 61;
    utimesSync(path, longAgo, longAgo);
    await (await takeLock(path, 'busy'))();
    t.same(readdirSync(join(path, '..')), []);
  }
});
