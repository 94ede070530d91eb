import t from 'tap';
import { History } from '../../../src/agent/history/index.js';
import { TestCa } from '../../support/test-ca.js';

/** A past at a clock that the test sets; the other clock goes on as it should unless `jump` is used. */
function startHistory() {
  const time = { wallMs: 1_800_000_000_000, monotonicMs: 50_000 };
  const history = new History(
    () => time.wallMs,
    () => time.monotonicMs,
  );
  const pass = (ms: number): void => {
    time.wallMs += ms;
    time.monotonicMs += ms;
  };
  const jump = (ms: number): void => {
    time.wallMs += ms;
  };
  return { history, pass, jump, time };
}

t.test('a bundle that loses a root and gains another is an event with both', (t) => {
  const { history, pass, time } = startHistory();
  const [old, next] = [TestCa.root('old root'), TestCa.root('next root')];
  history.bundle('cluster.local', 'v1', () => old.certificatePem);
  pass(60_000);
  history.bundle('cluster.local', 'v2', () => next.certificatePem);
  history.bundle('cluster.local', 'v2', () => t.fail('it is the same') as never);
  t.match(history.bundles.list(), [
    { version: 'v1', added: [{ subject: 'O=old root' }], removed: [], size: 1 },
    {
      ...{ atMs: time.wallMs, version: 'v2', size: 1 },
      added: [{ subject: 'O=next root' }],
      removed: [{ subject: 'O=old root', fingerprint: /^[0-9a-f]{64}$/ }],
    },
  ]);
  t.end();
});

t.test('leaves are kept without what follows them in the chain', (t) => {
  const { history } = startHistory();
  const ca = TestCa.root();
  const intermediate = ca.intermediate();
  history.leaf(
    'spiffe://cluster.local/ns/foo/sa/sleep',
    Buffer.concat([ca.certificatePem, intermediate.certificatePem]),
  );
  t.ok(history.leaves.newest?.der.equals(ca.certificate.raw));
  history.leaf(undefined, Buffer.from('nothing'));
  t.equal(history.leaves.list().length, 1);
  t.end();
});

t.test('a failure that comes again is one event, with its first and its last time', (t) => {
  const { history, pass, time } = startHistory();
  const refused = { code: 'ERR_CA_REFUSED_TOKEN', message: 'no' };
  const firstMs = time.wallMs;
  history.failure('spiffe://a/b', refused, 1);
  pass(1000);
  history.failure('spiffe://a/b', refused, 2);
  history.failure('spiffe://a/b', { code: 'ERR_CA_UNAVAILABLE', message: 'x'.repeat(1000) }, 3);
  t.match(history.failures.list(), [
    { atMs: firstMs, lastAtMs: time.wallMs, code: 'ERR_CA_REFUSED_TOKEN', count: 2 },
    { code: 'ERR_CA_UNAVAILABLE', message: /^x{299}.?$/u, count: 3 },
  ]);
  t.end();
});

t.test('a clock that is set is seen with the next event, and one that is slewed is not', (t) => {
  const { history, pass, jump, time } = startHistory();
  pass(5000);
  jump(500);
  history.look();
  t.equal(history.clock.list().length, 0);
  const sinceMs = time.wallMs;
  pass(10_000);
  jump(-90_000);
  history.revocationLists(100);
  t.strictSame(history.clock.list(), [{ atMs: time.wallMs, sinceMs, jumpMs: -90_000 }]);
  t.end();
});

t.test('ten thousand events of each kind take no more memory than a few', (t) => {
  const { history } = startHistory();
  for (let index = 0; index < 10_000; index += 1) {
    history.failure(`spiffe://a/${index}`, { code: 'ERR_INTERNAL', message: 'm' });
    history.rejection({ nodeId: 'n'.repeat(5000), names: Array(2048).fill('x'), version: 'v', text: 't' });
    history.revocationLists(index);
  }
  t.equal(history.failures.list().length, 24);
  t.equal(history.failures.forgotten, 10_000 - 24);
  t.equal(history.revocations.newest?.bytes, 9999);
  t.ok(JSON.stringify(history.rejections.list()).length < 10_000);
  t.end();
});
