import { status } from '@grpc/grpc-js';
import t from 'tap';
import { openChannel } from '../../../src/net/grpc/index.js';
import { certificateSecret, textSecret } from '../../support/fake-secret-source.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { encodeRequest } from '../../support/sds-client.js';
import { serveSds } from './serve.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

t.test('row 18: one secret under two names is two resources, each under the name that was asked for', async (t) => {
  const { source, connect, connectDelta } = await serveSds(t);
  const leaf = certificateSecret('leaf');
  const names = ['default', 'spiffe://cluster.local/ns/foo/sa/sleep'];
  source.setSecrets(Object.fromEntries(names.map((name) => [name, leaf])));
  const client = connect();
  client.request({ names });
  const response = await client.expectResponse();
  t.same(response.names, names);
  const [first, second] = response.secrets;
  t.same(first?.tlsCertificate, second?.tlsCertificate);
  const delta = connectDelta();
  delta.request({ subscribe: names });
  for (const name of names) {
    const one = await delta.expectResponse();
    t.same([one.names, one.versions], [[name], [leaf.version]]);
    delta.ack(one);
  }
});

t.test('row 42: a name whose secret changes its kind keeps what the proxy has', async (t) => {
  const { source, connect } = await serveSds(t);
  source.setSecrets({ default: certificateSecret('leaf') });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse());
  source.setSecrets({ default: textSecret('bundle') });
  await client.expectSilence();
  source.setSecrets({ default: certificateSecret('renewed') });
  t.equal((await client.expectResponse()).version, certificateSecret('renewed').version);
});

t.test('row 23: unknown fields of every kind and unknown enum values are skipped', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  const unknown = {
    varint: 'a00601',
    'fixed 64': 'a1060102030405060708',
    text: 'aa0603616263',
    'fixed 32': 'a50601020304',
    // Field 100 with field 1, a text, and a group of field 2 in it.
    group: 'a3060a01611314a406',
    'the names, as a varint': '1801',
    // error_detail (6) { code: 99 } belongs to no response yet, so that it is no NACK.
    'an unknown code': '32020863',
  };
  for (const bytes of Object.values(unknown)) {
    const stream = client.another();
    stream.sendRaw(Buffer.concat([encodeRequest({ names: ['default'] }), Buffer.from(bytes, 'hex')]));
    t.same((await stream.expectResponse()).names, ['default']);
  }
});

t.test('row 23: an unknown method is UNIMPLEMENTED, and costs no other stream anything', async (t) => {
  const { source, path, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse());
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const method = '/envoy.service.secret.v3.SecretDiscoveryService/Nope';
  const call = channel.unary(method, Buffer.alloc(0), { deadlineMs: Date.now() + PATIENCE_MS });
  await t.rejects(call, { code: status.UNIMPLEMENTED });
  await client.expectSilence();
});

t.test('row 74: a node that claims to be another workload gets what its connection is for', async (t) => {
  const { source, connect, connectDelta } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  const delta = connectDelta();
  const forged = 'sidecar~10.0.0.1~admin.kube-system~cluster.local';
  client.request({ names: ['default', 'spiffe://cluster.local/ns/kube-system/sa/admin'], nodeId: forged });
  t.same((await client.expectResponse()).names, ['default']);
  delta.request({ subscribe: ['default'], nodeId: forged });
  t.same((await delta.expectResponse()).names, ['default']);
  t.same(
    source.callers.map((caller) => Object.keys(caller).sort()),
    [
      ['authorization', 'charge', 'connection', 'origin', 'peer'],
      ['authorization', 'charge', 'connection', 'origin', 'peer'],
    ],
    'who decides never sees the node',
  );
});

t.test('row 16: a name that is denied, one that is unknown and one that is late look alike', async (t) => {
  const { source, connectDelta, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  for (const name of ['denied', 'unknown']) source.impossible.add(name);
  const client = connect();
  const seen: unknown[] = [];
  for (const name of ['denied', 'unknown']) {
    const stream = client.another();
    stream.request({ names: [name, 'default'] });
    const { names } = await stream.expectResponse();
    const delta = connectDelta();
    delta.request({ subscribe: [name] });
    const { removed, secrets, controlPlane } = await delta.expectResponse();
    seen.push({ names, removed: removed.length, secrets, controlPlane });
  }
  t.same(seen[0], seen[1]);
});

t.test('row 3: a change of a name that no stream wants sends nothing to anybody', async (t) => {
  const { source, connect, connectDelta } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse());
  const delta = connectDelta();
  delta.request({ subscribe: ['default'] });
  delta.ack(await delta.expectResponse());
  for (let count = 0; count < 20; count += 1) source.set({ [`other-${count}`]: String(count) });
  await client.expectSilence();
  await delta.expectSilence();
});
