import t from 'tap';
import { Checklist } from '../../src/demo/checks/checklist.js';
import { Progress } from '../../src/demo/progress.js';

t.test('without a terminal a step is one plain line', async (t) => {
  const lines: string[] = [];
  const progress = new Progress({ out: (line) => lines.push(line), draw: undefined, now: () => 0 });
  const result = await progress.step('starting Citadel', async (rename) => {
    rename('still starting');
    progress.line('said on the way');
    return 7;
  });
  t.equal(result, 7);
  t.strictSame(lines, ['starting Citadel ...', 'said on the way']);
});

t.test('on a terminal a step is drawn, and leaves the line clean', async (t) => {
  const lines: string[] = [];
  const drawn: string[] = [];
  const progress = new Progress({ out: (line) => lines.push(line), draw: (text) => drawn.push(text), now: () => 1500 });
  await progress.step('starting Citadel', async (rename) => {
    rename('waiting');
    while (!drawn.some((text) => text.includes('waiting (0.0 s)'))) await new Promise(setImmediate);
    progress.line('said on the way');
  });
  t.strictSame(lines, ['said on the way']);
  t.equal(drawn.at(-1), '\r\u001b[K');
});

t.test('a step that fails passes its error on', async (t) => {
  const progress = new Progress({ out: () => {}, draw: undefined, now: () => 0 });
  await t.rejects(
    progress.step('starting', async () => {
      throw new Error('no');
    }),
    { message: 'no' },
  );
});

t.test('a checklist prints evidence and reasons, and goes on after a failure', async (t) => {
  const lines: string[] = [];
  const checklist = new Checklist((line) => lines.push(line), new AbortController().signal);
  await checklist.check('first', async () => 'seen');
  await checklist.check('second', async () => {
    throw new Error('not seen', { cause: new Error('why') });
  });
  await checklist.check('third', async () => {
    throw 'a text';
  });
  await checklist.check('fourth', async () => 'seen too');
  t.strictSame(lines, [
    'ok    first: seen',
    'FAIL  second: not seen (why)',
    'FAIL  third: a text',
    'ok    fourth: seen too',
  ]);
  t.strictSame(checklist.failed, ['second', 'third']);
  t.equal(checklist.held, 2);
});

t.test('what an interrupted demo could not judge is no failure', async (t) => {
  const lines: string[] = [];
  const stop = new AbortController();
  const checklist = new Checklist((line) => lines.push(line), stop.signal);
  const checked = checklist.check('first', async () => {
    stop.abort();
    throw new Error('interrupted');
  });
  await t.rejects(checked, { message: 'interrupted' });
  t.strictSame(lines, []);
  t.strictSame(checklist.failed, []);
});
