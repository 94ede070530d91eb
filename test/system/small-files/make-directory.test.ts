import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeDirectory } from '../../../src/system/small-files/index.js';

t.test('a directory is made with those above it, and left as it is when it is there', async (t) => {
  const path = join(t.testdir(), 'a', 'b', 'c');
  await makeDirectory(path, 0o750);
  for (const made of [path, join(path, '..'), join(path, '../..')]) t.equal(statSync(made).mode & 0o777, 0o750);
  await makeDirectory(path, 0o700);
  t.equal(statSync(path).mode & 0o777, 0o750);
  await Promise.all([1, 2, 3].map(() => makeDirectory(join(path, 'd', 'e'), 0o700)));
});

t.test('a link to a directory is one, and a file in the way is told', async (t) => {
  const directory = t.testdir();
  symlinkSync('.', join(directory, 'link'));
  await makeDirectory(join(directory, 'link'), 0o700);
  writeFileSync(join(directory, 'file'), '');
  await t.rejects(makeDirectory(join(directory, 'file'), 0o700), { code: 'EEXIST' });
  await t.rejects(makeDirectory(join(directory, 'file', 'below'), 0o700), { code: 'ENOTDIR' });
});

t.test('where the system has no new directories it is not tried without end', async (t) => {
  await t.rejects(makeDirectory('/proc/none/below', 0o700), { code: 'ENOENT' });
});

t.test('many that make one directory at once all have it, with those above it', async (t) => {
  const place = t.testdir();
  for (let round = 0; round < 50; round += 1) {
    const path = join(place, String(round), 'above', 'below');
    await Promise.all(Array.from({ length: 10 }, () => makeDirectory(path, 0o700)));
    t.ok(statSync(path).isDirectory());
  }
});
