import t from 'tap';
import { RefusedTokens } from '../../../src/agent/admission/refused-tokens.js';

t.test('row 67: a refusal is remembered for five seconds, then for ten, and at last for a minute', async (t) => {
  let nowMs = 1000;
  const refused = new RefusedTokens(() => nowMs);
  for (const seconds of [5, 10, 20, 40, 60, 60]) {
    refused.add('a', new Error('refused'));
    nowMs += seconds * 1000 - 1;
    t.throws(() => refused.throwIfRefused('a'), /refused/, `${seconds} s`);
    refused.throwIfRefused('b');
    nowMs += 1;
    refused.throwIfRefused('a');
  }
});

t.test('a token that is accepted begins anew', async (t) => {
  let nowMs = 0;
  const refused = new RefusedTokens(() => nowMs);
  refused.add('a', new Error('refused'));
  nowMs += 5000;
  refused.forget('a');
  refused.add('a', new Error('refused'));
  nowMs += 5000;
  t.doesNotThrow(() => refused.throwIfRefused('a'));
});

t.test('a flood of refusals keeps the newest four thousand, and time takes the rest', async (t) => {
  let nowMs = 0;
  const refused = new RefusedTokens(() => nowMs);
  for (let index = 0; index < 10_000; index += 1) refused.add(`${index}`, new Error('refused'));
  const isRefused = (index: number): boolean => {
    try {
      refused.throwIfRefused(`${index}`);
      return false;
    } catch {
      return true;
    }
  };
  const all = Array.from({ length: 10_000 }, (_, index) => index);
  t.strictSame(all.filter(isRefused), all.slice(-4096));
  nowMs += 65_000;
  refused.add('late', new Error('refused'));
  // What is remembered is refused for twice as long the next time. The newest first: one more drives out the oldest.
  for (const index of all.slice(-4096).reverse()) refused.add(`${index}`, new Error('refused'));
  nowMs += 5000;
  t.strictSame(all.filter(isRefused), [], 'forgotten');
});
