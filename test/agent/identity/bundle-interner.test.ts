import t from 'tap';
import { BundleInterner } from '../../../src/agent/identity/index.js';
import { openHotPath } from '../../support/hot-path.js';
import { aStream, openNode } from '../../support/node-pods.js';

t.test('the same bytes are the same content, others are not', async (t) => {
  const contents = new BundleInterner();
  const one = contents.of(Buffer.from('roots'));
  t.equal(contents.of(Buffer.from('roots')), one);
  t.not(contents.of(Buffer.from('other')).version, one.version);
});

t.test('pods of a node hold one bundle together, and each its own certificate', async (t) => {
  const { gate, token } = openNode(t, openHotPath());
  const one = await gate.admit(token({ podUid: 'pod-1' }), aStream());
  const other = await gate.admit(token({ podUid: 'pod-2' }), aStream());
  t.equal(one.identity.bundle(), other.identity.bundle());
  t.not(one.identity.certificate()?.version, other.identity.certificate()?.version);
});
