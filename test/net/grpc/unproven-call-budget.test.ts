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
  t.equal(tries.size, 0);
  tries.take('a');
  clock.nowMs += 1000;
  tries.sweep();
  t.equal(tries.size, 0);
  tries.giveBack('a');
  t.equal(tries.size, 0);
});

t.test('however many peers come, some thousands are remembered', async (t) => {
  const { tries } = triesAt();
  for (let index = 0; index < 20_000; index += 1) tries.take(`peer ${index}`);
  t.ok(tries.size <= 4096, `${tries.size}`);
});
