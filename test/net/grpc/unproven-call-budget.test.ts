import t from 'tap';
import { UnprovenCallBudget } from '../../../src/net/grpc/ledger/unproven-call-budget.js';

function triesAt() {
  const clock = { nowMs: 0 };
  return { clock, tries: new UnprovenCallBudget(() => clock.nowMs) };
}

function takeAll(tries: UnprovenCallBudget, key: string): number {
  let count = 0;
  while (tries.take(key)) count += 1;
  return count;
}

t.test('a peer has four thousand tries, and a hundred more each second', async (t) => {
  const { clock, tries } = triesAt();
  t.equal(takeAll(tries, 'a'), 4000);
  t.ok(tries.take('b'), 'another one has its own');
  clock.nowMs += 1000;
  t.equal(takeAll(tries, 'a'), 100);
  clock.nowMs += 3_600_000;
  t.equal(takeAll(tries, 'a'), 4000, 'and never more than at the beginning');
});

t.test('a try that is given back was none, and who has all of them is not remembered', async (t) => {
  const { clock, tries } = triesAt();
  for (let count = 0; count < 5000; count += 1) {
    t.ok(tries.take('a') || t.fail('no try left'));
    tries.giveBack('a');
  }
  // Beside one that has none left there is room for so many others; for one more it is forgotten, as the oldest.
  const others = (name: string) => Array.from({ length: 4095 }, (_, index) => `${name} ${index}`);
  takeAll(tries, 'used up');
  for (const peer of others('a')) {
    tries.take(peer);
    tries.giveBack(peer);
  }
  for (const peer of others('b')) tries.take(peer);
  t.notOk(tries.take('used up'), 'given back');
  clock.nowMs += 1000;
  tries.sweep();
  for (const peer of others('c')) tries.take(peer);
  t.equal(takeAll(tries, 'used up'), 100, 'got back by waiting');
  clock.nowMs += 1000;
  tries.sweep();
  for (const peer of others('c')) tries.giveBack(peer);
  for (const peer of others('d')) tries.take(peer);
  t.equal(takeAll(tries, 'used up'), 100, 'given back after that');
});

t.test('however many peers come, some thousands are remembered', async (t) => {
  const { tries } = triesAt();
  takeAll(tries, 'first');
  for (let index = 1; index < 4096; index += 1) tries.take(`peer ${index}`);
  t.notOk(tries.take('first'), 'remembered beside 4095 others');
  tries.take('peer 4096');
  t.equal(takeAll(tries, 'first'), 4000, 'forgotten for one more');
});
