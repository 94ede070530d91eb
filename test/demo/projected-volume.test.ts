import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ProjectedVolume } from '../../src/demo/kubernetes/projected-volume.js';

t.test('the file is a link through ..data to a directory named for the time', async (t) => {
  const directory = join(t.testdir(), 'tokens');
  const volume = new ProjectedVolume(directory, 'istio-token', () => Date.UTC(2026, 10, 24, 5, 4, 3));
  await volume.write('first');
  t.equal(volume.path, join(directory, 'istio-token'));
  t.equal(await readlink(volume.path), join('..data', 'istio-token'));
  t.match(await readlink(join(directory, '..data')), /^\.\.2026_11_24_05_04_03\.\d{10}$/);
  t.equal(await readFile(volume.path, 'utf8'), 'first', 'nothing is added, no newline either');
});

t.test('a swap leaves the visible link alone and the old directory gone', async (t) => {
  const directory = join(t.testdir(), 'tokens');
  const volume = new ProjectedVolume(directory, 'istio-token', Date.now);
  await volume.write('first');
  const { ino } = await lstat(volume.path);
  await volume.write('second');
  t.equal((await lstat(volume.path)).ino, ino);
  t.equal(await readFile(volume.path, 'utf8'), 'second');
  t.equal((await readdir(directory)).length, 3, 'the file, ..data and one directory');
});

t.test('a reader never finds half a token', async (t) => {
  const volume = new ProjectedVolume(join(t.testdir(), 'tokens'), 'istio-token', Date.now);
  const contents = ['a', 'b'].map((letter) => letter.repeat(10_000));
  await volume.write(contents[0] ?? '');
  const written = (async () => {
    for (let turn = 0; turn < 50; turn += 1) await volume.write(contents[turn % 2] ?? '');
  })();
  const seen = new Set<string>();
  for (let turn = 0; turn < 200; turn += 1) {
    // The old directory may go between the two steps of a path; a reader that meets that reads again, as after any
    // swap.
    seen.add(await readFile(volume.path, 'utf8').catch(() => 'gone'));
  }
  await written;
  seen.delete('gone');
  t.ok([...seen].every((content) => contents.includes(content)));
});
