import t from 'tap';
import { LazyPage } from '../../src/status/lazy-page.js';

t.test('however many watch, the page is made once a second', async (t) => {
  let nowMs = 1_000_000;
  let made = 0;
  const content = {
    status: () => {
      made += 1;
      return { version: '0.1.0', identities: [] };
    },
  };
  const page = new LazyPage({ content, now: () => nowMs });
  const answers = await Promise.all(Array.from({ length: 20 }, () => page.json()));
  t.equal(made, 1);
  t.ok(answers.every(({ text }) => text === answers[0]?.text));
  nowMs += 999;
  await page.html();
  t.equal(made, 1);
  nowMs += 1;
  await page.html();
  t.equal(made, 2);
  nowMs -= 3_600_000;
  await page.html();
  t.equal(made, 3, 'a clock that was set back does not stop it');
});
