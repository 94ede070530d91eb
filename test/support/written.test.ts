import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Written } from './written.js';

/** build/test/support/ → the project. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Takes what a process has written as it comes, so that one can look at it before it is all there. */
const COLLECTS = /\b(stdout|stderr)\b[^;]{0,40}\.on\(\s*'data'|\bonce\([^;]{0,60}\b(stdout|stderr)\b[^;]{0,60}'data'/;

const MAY_COLLECT = new Map([['test/image/run.ts', 'up to its end, both streams in the order in which they came']]);

t.test('what a process writes is read in one way only, which waits for it', async (t) => {
  const files = ['test', 'bench'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const sources = files.filter((name) => name.endsWith('.ts') && !MAY_COLLECT.has(name));
  t.ok(sources.length > 100);
  const found = sources.filter((name) => COLLECTS.test(readFileSync(join(ROOT, name), 'utf8')));
  t.strictSame(found, [], 'test/support/written.ts does that');
  for (const name of MAY_COLLECT.keys()) t.match(readFileSync(join(ROOT, name), 'utf8'), COLLECTS, name);
});

t.test('a line is there when it is whole, and the first of its kind from a place on', async (t) => {
  const stream = new PassThrough();
  const written = new Written(stream, 'it');
  const [first, upTo, both] = [written.line('b'), written.upTo(/^b/), written.lines(/[bc]/, 2)];
  stream.write('a1\nb');
  await new Promise((resolve) => setImmediate(resolve));
  const { place } = written;
  stream.write('2\nc3\n');
  t.equal(await first, 'b2');
  t.equal(await upTo, 'a1\nb2\n');
  t.strictSame(await both, ['b2', 'c3']);
  t.equal(place, 4);
  t.equal(await written.line('', place), '2', 'from the place on');
  await written.text('2\nc');
});

t.test('what never came is told with what did, and the whole is there at the end alone', async (t) => {
  const stream = new PassThrough();
  const written = new Written(stream, 'it');
  const [line, whole] = [written.line('nothing'), written.whole()];
  stream.write('something\nthe ');
  stream.end('rest');
  await t.rejects(line, /waited for 1 line\(s\) with nothing, and it has ended; it has written:\nsomething\nthe rest/);
  t.equal(await whole, 'something\nthe rest');
  t.equal(await written.whole(), 'something\nthe rest', 'again');
});
