import t from 'tap';
import { createPooledHotPath } from '../../src/hotpath/pool.js';
import { SLEEP } from './pki.js';

t.test('the answers of one batch come in several turns of the event loop', async (t) => {
  const hotPath = createPooledHotPath({
    ...{ threads: { min: 1, max: 1 }, idleTimeoutMs: 60_000, maxQueue: 100, taskTimeoutMs: 60_000 },
  });
  t.teardown(() => hotPath.close());
  const prepare = () => hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
  await prepare();
  const perTurn: number[] = [];
  let inThisTurn = 0;
  const count = (): void => {
    if (inThisTurn === 0) {
      setImmediate(() => {
        perTurn.push(inThisTurn);
        inThisTurn = 0;
      });
    }
    inThisTurn += 1;
  };
  await Promise.all(Array.from({ length: 40 }, () => prepare().then(count)));
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(Math.max(...perTurn) <= 8, `answers in each turn: ${perTurn.join(' ')}`);
  t.equal(
    perTurn.reduce((sum, one) => sum + one, 0),
    40,
  );
});
