import t, { type Test } from 'tap';
import { openChannel } from '../../../src/net/grpc/index.js';
import { DeltaClient } from '../../support/delta-client.js';
import { SdsClient } from '../../support/sds-client.js';
import { serveSds } from './serve.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const STREAM = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
const DELTA = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

t.test('rows 21, 35: on an aggregated stream secrets are served, and other types left in peace', async (t) => {
  const { source, path, sds, metrics } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const client = new SdsClient(channel, {}, STREAM);
  client.request({ names: [], typeUrl: CLUSTER, nodeId: 'gateway' });
  client.request({ names: Array.from({ length: 5000 }, (_, index) => String(index)), typeUrl: CLUSTER });
  await client.expectSilence();
  client.request({ names: ['default', 'ROOTCA'] });
  const response = await client.expectResponse();
  t.same(response.names, ['default', 'ROOTCA']);
  // A nonce of secrets says nothing of another type, nor does that type's complaint.
  client.request({ names: [], typeUrl: CLUSTER, nonce: response.nonce, error: 'unwatched' });
  await client.expectSilence();
  client.ack(response, { names: ['default', 'ROOTCA'] });
  await client.expectSilence();
  source.set({ default: 'renewed' });
  t.same((await client.expectResponse()).names, ['default', 'ROOTCA']);
  t.equal(sds.status().streams, 1);
  const foreign = metrics.series().find(({ labels }) => labels.verdict === 'foreign');
  t.match(foreign, { metric: { value: 3 } });
});

/** An aggregated stream that holds both secrets, and the request that tells of another subscriber of them. */
async function heldStream(t: Test) {
  const { source, path, clock, metrics } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const client = new SdsClient(channel, {}, STREAM);
  const names = ['default', 'ROOTCA'];
  client.request({ names });
  let last = await client.expectResponse();
  client.ack(last, { names });
  return {
    ...{ client, source, clock, metrics, names },
    /** By the nonce of the last response, as Envoy's classic mux does. */
    repeat: () => client.request({ names, nonce: last.nonce }),
    /** Takes the answer, and ACKs it. */
    async take() {
      last = await client.expectResponse();
      client.ack(last, { names });
      return last;
    },
  };
}

t.test('a repeated request of an aggregated stream is answered once, with what it holds already', async (t) => {
  const { client, repeat, take, names, metrics } = await heldStream(t);
  repeat();
  t.same((await take()).names, names);
  await client.expectSilence();
  const repeats = metrics.series().find(({ labels }) => labels.verdict === 'repeat');
  t.match(repeats, { metric: { value: 1 } });
});

t.test('a client that repeats each request is answered four times, and then once a second', async (t) => {
  const { client, repeat, take, clock } = await heldStream(t);
  for (let count = 1; count <= 4; count += 1) {
    repeat();
    await take();
  }
  repeat();
  await client.expectSilence();
  clock.tick();
  await client.expectSilence();
  clock.nowMs += 1000;
  clock.tick();
  await take();
  await client.expectSilence();
});

t.test('a repeated request that has to wait is answered by a push that comes before its time', async (t) => {
  const { client, repeat, take, clock, source } = await heldStream(t);
  for (let count = 1; count <= 4; count += 1) {
    repeat();
    await take();
  }
  repeat();
  await client.expectSilence();
  source.set({ ROOTCA: 'renewed' });
  await take();
  clock.nowMs += 10_000;
  clock.tick();
  await client.expectSilence();
});

t.test('a NACK that is said twice is not answered', async (t) => {
  const { client, source, names } = await heldStream(t);
  source.set({ default: 'bad' });
  const bad = await client.expectResponse();
  for (const _time of ['first', 'second']) client.request({ names, nonce: bad.nonce, error: 'no' });
  await client.expectSilence();
});

t.test('rows 21, 35: the same on an aggregated delta stream', async (t) => {
  const { source, path } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const client = new DeltaClient(channel, DELTA);
  client.request({ subscribe: ['*'], typeUrl: CLUSTER, nodeId: 'gateway' });
  await client.expectSilence();
  client.request({ subscribe: ['default', 'ROOTCA'] });
  for (const name of ['default', 'ROOTCA']) {
    const response = await client.expectResponse();
    t.same(response.names, [name]);
    client.request({ typeUrl: CLUSTER, nonce: response.nonce, unsubscribe: [name] });
    client.ack(response);
  }
  await client.expectSilence();
  source.set({ ROOTCA: 'renewed' });
  t.same((await client.expectResponse()).names, ['ROOTCA']);
});

t.test('row 20: the node of an aggregated stream is that of its first request, of whatever type', async (t) => {
  const { source, path, warnings } = await serveSds(t);
  source.set({ default: 'leaf' });
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const client = new SdsClient(channel, {}, STREAM);
  client.request({ names: [], typeUrl: CLUSTER, nodeId: 'gateway' });
  client.request({ names: ['default'] });
  client.nack(await client.expectResponse(), 'no');
  await client.expectSilence();
  t.match(warnings, [{ fields: { node_id: 'gateway' } }]);
});

t.test('an aggregated request without a type is told what is missing', async (t) => {
  const { path } = await serveSds(t);
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  const client = new SdsClient(channel, {}, STREAM);
  client.request({ names: ['default'], typeUrl: '' });
  t.match(await client.ended, { code: 3, details: /type url: got none/ });
});
