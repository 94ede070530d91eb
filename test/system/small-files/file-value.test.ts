import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileValue } from '../../../src/system/small-files/index.js';
import { shortDir } from '../../support/short-dir.js';

function setUp(t: Test) {
  const path = join(shortDir(t), 'number');
  const told: string[] = [];
  let parsed = 0;
  const value = new FileValue<number>({
    ...{ path, what: `number ${path}`, code: 'ERR_CONFIG_INVALID', maxBytes: 100 },
    parse(content) {
      parsed += 1;
      const number = Number(content.toString());
      if (Number.isNaN(number)) throw new Error('no number');
      return number;
    },
    isSame: (held, other) => held === other,
    onChange: () => told.push('changed'),
    onRefused: (error) => told.push(error instanceof Error ? error.message : ''),
  });
  return { path, value, told, write: (text: string) => writeFileSync(path, text), parsed: () => parsed };
}

t.test('a file that has never been good says why, each time', async (t) => {
  const { value, write, told } = setUp(t);
  await t.rejects(value.recent(0), { code: 'ERR_CONFIG_INVALID', message: /no such file/ });
  write('x');
  await t.rejects(value.recent(0), { message: 'no number' });
  write('1');
  t.equal(await value.recent(0), 1);
  t.same(told, []);
});

t.test('a state that is refused does not replace a good one, and is tried again', async (t) => {
  const { path, value, write, told, parsed } = setUp(t);
  write('1');
  t.equal(await value.newest(), 1);
  write('half');
  t.equal(await value.newest(), 1);
  t.equal(await value.newest(), 1);
  t.equal(parsed(), 3, 'also where it has not changed: it may have been the moment');
  rmSync(path);
  t.equal(await value.newest(), 1);
  t.match(told, ['no number', 'no number', /no such file/]);
  write('2');
  t.equal(await value.newest(), 2);
  t.equal(told.at(-1), 'changed');
});

t.test('a file in the same state is not read again, and equal values are no change', async (t) => {
  const { value, write, told, parsed } = setUp(t);
  write('1');
  await Promise.all([value.newest(), value.newest(), value.newest()]);
  await value.newest();
  t.equal(parsed(), 1);
  write('1.0');
  t.equal(await value.newest(), 1);
  t.same(told, []);
});

t.test('a recent value is as old as a second at most, also by a clock that was set back', async (t) => {
  const { value, write } = setUp(t);
  // Each of another length: the clock of a file system may be too coarse to tell writes so close together apart.
  write('1');
  t.equal(await value.recent(10_000), 1);
  write('22');
  t.equal(await value.recent(10_999), 1);
  t.equal(await value.recent(11_000), 22);
  write('333');
  t.equal(await value.recent(5000), 333);
});

t.test('a file that shows no change is read again once a minute, and parsed when its content is another', async (t) => {
  const path = join(shortDir(t), 'text');
  writeFileSync(path, '1');
  const counts = { reads: 0, parsed: 0, changes: 0 };
  const value = new FileValue<string>({
    ...{ path, what: path, code: 'ERR_CONFIG_INVALID', maxBytes: 100 },
    admit() {
      counts.reads += 1;
    },
    parse(content) {
      counts.parsed += 1;
      return content.toString();
    },
    onChange() {
      counts.changes += 1;
    },
  });
  t.equal(await value.recent(0), '1');
  await value.recent(59_000);
  t.strictSame(counts, { reads: 1, parsed: 1, changes: 0 });
  await value.recent(60_000);
  t.strictSame(counts, { reads: 2, parsed: 1, changes: 0 });
  await value.recent(61_000);
  utimesSync(path, 1, 1);
  await value.recent(62_000);
  t.strictSame(counts, { reads: 3, parsed: 1, changes: 0 }, 'another time is no other content');
  await value.newest();
  t.equal(counts.reads, 3);
});
