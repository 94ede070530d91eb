import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileChanges } from '../../../src/agent/files/file-changes.js';
import { shortDir } from '../../support/short-dir.js';

/** Looks when the test says so. */
function setUp(t: Test) {
  const looks = new Set<() => Promise<void>>();
  const changes = new FileChanges({
    add(look) {
      looks.add(look);
      return () => void looks.delete(look);
    },
  });
  const told: string[] = [];
  const listen = (path: string, name = 'told') => changes.onChange(path, () => told.push(name));
  const look = async () => {
    for (const one of looks) await one();
  };
  return { looks, told, listen, look, directory: shortDir(t) };
}

t.test('a file that is written into, replaced, removed or made is another one', async (t) => {
  const { told, listen, look, directory } = setUp(t);
  const path = join(directory, 'token');
  const steps: (() => void)[] = [
    () => writeFileSync(path, 'one'),
    () => writeFileSync(path, 'other'),
    () => {
      writeFileSync(`${path}.new`, 'third');
      renameSync(`${path}.new`, path);
    },
    () => rmSync(path),
  ];
  listen(path);
  await look();
  t.same(told, []);
  for (const [index, step] of steps.entries()) {
    step();
    await look();
    await look();
    t.equal(told.length, index + 1);
  }
});

t.test('a link on the way that leads elsewhere is a change, as the kubelet makes it', async (t) => {
  const { told, listen, look, directory } = setUp(t);
  for (const version of ['1', '2']) {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, 'token'), version);
  }
  symlinkSync('1', join(directory, '..data'));
  symlinkSync('..data/token', join(directory, 'token'));
  listen(join(directory, 'token'));
  await look();
  symlinkSync('2', join(directory, '..next'));
  renameSync(join(directory, '..next'), join(directory, '..data'));
  await look();
  t.same(told, ['told']);
});

t.test('however many listen, a file is looked at once, and not at all when nobody does', async (t) => {
  const { looks, told, listen, look, directory } = setUp(t);
  const path = join(directory, 'root');
  const stops = ['a', 'b', 'c'].map((name) => listen(path, name));
  t.equal(looks.size, 1);
  await look();
  stops[1]?.();
  stops[1]?.();
  writeFileSync(path, 'x');
  await look();
  t.same(told, ['a', 'c']);
  stops[0]?.();
  stops[2]?.();
  t.equal(looks.size, 0);
  listen(path, 'd');
  t.equal(looks.size, 1);
});
