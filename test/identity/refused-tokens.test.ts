import t from 'tap';
import { RefusedTokens } from '../../src/identity/refused-tokens.js';

t.test('a refusal is remembered for five seconds', async (t) => {
  let nowMs = 1000;
  const refused = new RefusedTokens(() => nowMs);
  refused.add('a', new Error('refused'));
  t.throws(() => refused.throwIfRefused('a'), /refused/);
  refused.throwIfRefused('b');
  nowMs += 5000;
  refused.throwIfRefused('a');
  t.equal(refused.size, 0);
});

t.test('a flood of refusals keeps the newest four thousand, and time takes the rest', async (t) => {
  let nowMs = 0;
  const refused = new RefusedTokens(() => nowMs);
  for (let index = 0; index < 10_000; index += 1) refused.add(`${index}`, new Error('refused'));
  t.equal(refused.size, 4096);
  t.throws(() => refused.throwIfRefused('9999'));
  refused.throwIfRefused('0');
  nowMs += 5000;
  refused.add('late', new Error('refused'));
  t.equal(refused.size, 1);
});
