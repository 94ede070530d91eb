import t from 'tap';
import { ServedLeaves } from '../../../src/agent/identity/index.js';

const NOW_MS = Date.parse('2026-12-01T00:00:00Z');

t.test('an Envoy is behind when it may serve a leaf that another key has signed', async (t) => {
  let nowMs = NOW_MS;
  const leaves = new ServedLeaves(() => nowMs);
  leaves.served('old', { issuerKey: 'a', notAfterMs: NOW_MS + 1000 });
  leaves.served('new', { issuerKey: 'b', notAfterMs: NOW_MS + 9000 });
  leaves.served('newest', { issuerKey: 'b', notAfterMs: NOW_MS + 9000 });
  t.ok(leaves.isBehind('newest', 'old'));
  t.ok(leaves.isBehind('newest', undefined), 'it may have one of an earlier connection');
  t.notOk(leaves.isBehind('newest', 'new'), 'of the same key');
  t.notOk(leaves.isBehind('from-a-file', 'old'));
  t.notOk(leaves.isBehind('newest', 'from-a-file'));
  nowMs += 1001;
  t.notOk(leaves.isBehind('newest', 'old'), 'it has expired');
  leaves.served('further', { issuerKey: 'a', notAfterMs: NOW_MS + 9000 });
  nowMs = NOW_MS;
  t.notOk(leaves.isBehind('newest', 'old'), 'and is forgotten');
});
