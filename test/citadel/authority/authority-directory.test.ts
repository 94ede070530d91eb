import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writeWhole } from '../../../src/system/small-files/index.js';
import { shortDir } from '../../support/short-dir.js';

t.test('a file is written whole, with its mode, over what was there', async (t) => {
  const directory = shortDir(t);
  const path = join(directory, 'file');
  writeFileSync(path, 'something longer than what comes', { mode: 0o666 });
  await writeWhole(path, Buffer.from('new'), 0o600);
  t.equal(readFileSync(path, 'utf8'), 'new');
  t.equal((statSync(path).mode & 0o777).toString(8), '600');
  t.same(readdirSync(directory), ['file']);
});

t.test('what cannot take its place leaves nothing behind', async (t) => {
  const directory = shortDir(t);
  mkdirSync(join(directory, 'taken'));
  await t.rejects(writeWhole(join(directory, 'taken'), Buffer.from('new'), 0o600), { code: 'EISDIR' });
  t.same(readdirSync(directory), ['taken']);
});
