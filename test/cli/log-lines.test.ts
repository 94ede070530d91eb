import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { LogLines } from '../../src/cli/log-lines.js';

t.test('the lines of a turn of the event loop are written together, at its end', async (t) => {
  const written: string[] = [];
  const lines = new LogLines((text) => written.push(text));
  lines.add('a\n', false);
  lines.add('b\n', false);
  t.strictSame(written, []);
  await turn();
  t.strictSame(written, ['a\nb\n']);
  lines.add('c\n', false);
  await turn();
  t.strictSame(written, ['a\nb\n', 'c\n']);
});

t.test('what a person must see is written at once, behind what came before it', async (t) => {
  const written: string[] = [];
  const lines = new LogLines((text) => written.push(text));
  lines.add('info\n', false);
  lines.add('error\n', true);
  t.strictSame(written, ['info\nerror\n']);
  await turn();
  t.equal(written.length, 1);
});

t.test('a burst does not wait in memory for the end of its turn', async (t) => {
  const written: string[] = [];
  const lines = new LogLines((text) => written.push(text));
  for (let line = 0; line < 2000; line += 1) lines.add(`${'x'.repeat(99)}\n`, false);
  t.ok(written.length >= 3);
  lines.flush();
  t.equal(written.join('').length, 200_000);
});
