import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { takeLock } from '../../../src/citadel/authority/directory-lock.js';
import { shortDir } from '../../support/short-dir.js';
import { Written } from '../../support/written.js';

const LOCK = new URL('../../../src/citadel/authority/directory-lock.js', import.meta.url).href;
const BUSY = { code: 'ERR_ROTATION_REFUSED', message: 'busy' };

/** Another process, which has the lock. */
async function holder(t: Test, path: string): Promise<ChildProcess> {
  const program = `
    const { takeLock } = await import(${JSON.stringify(LOCK)});
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

/** Puts a lock there, whole, where there is none. */
function leave(path: string, content: Buffer): void {
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
  const dead = readFileSync(path);
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
      // As the one that was killed has left it; unless another one has it already.
      if (taken % 2 === 0) leave(path, dead);
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
