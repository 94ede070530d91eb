import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ChangingFiles } from '../../../src/system/small-files/index.js';
import { shortDir } from '../../support/short-dir.js';

t.test('files have changed at the first look, and then when one of them is in another state', async (t) => {
  const directory = shortDir(t);
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  writeFileSync(one, '1');
  const files = new ChangingFiles([one, two]);
  t.equal(await files.haveChanged(), true);
  t.equal(await files.haveChanged(), false);
  const steps: Record<string, () => void> = {
    'a second one that is made': () => writeFileSync(two, '2'),
    'other bytes': () => writeFileSync(one, 'one'),
    'the same bytes by another file': () => {
      writeFileSync(`${one}.new`, 'one');
      renameSync(`${one}.new`, one);
    },
    'another time': () => utimesSync(two, 1, 1),
    'one that is removed': () => rmSync(one),
  };
  for (const [what, step] of Object.entries(steps)) {
    step();
    t.equal(await files.haveChanged(), true, what);
    t.equal(await files.haveChanged(), false, `${what}, once`);
  }
});

t.test('a link on the way that leads elsewhere is a change', async (t) => {
  const directory = shortDir(t);
  for (const version of ['1', '2']) {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, 'token'), 'same');
  }
  symlinkSync('1', join(directory, '..data'));
  const files = new ChangingFiles([join(directory, '..data', 'token')]);
  await files.haveChanged();
  symlinkSync('2', join(directory, '..next'));
  renameSync(join(directory, '..next'), join(directory, '..data'));
  t.equal(await files.haveChanged(), true);
});

t.test('what is forgotten has changed', async (t) => {
  const files = new ChangingFiles([join(shortDir(t), 'missing')]);
  await files.haveChanged();
  files.forget();
  t.equal(await files.haveChanged(), true);
});

t.test(
  'with the time, files have also changed when they have not for a minute, whichever way the clock goes',
  async (t) => {
    const files = new ChangingFiles([join(shortDir(t), 'missing')]);
    const changes: boolean[] = [];
    for (const nowMs of [100_000, 159_999, 160_000, 160_001, 219_999, 100_000, 100_001]) {
      changes.push(await files.haveChanged(nowMs));
      // Without a time it is asked whether they have changed while they were read.
      t.equal(await files.haveChanged(), false);
    }
    t.strictSame(changes, [true, false, true, false, false, true, false]);
  },
);
