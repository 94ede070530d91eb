import t from 'tap';
import { MAX_REQUEST_BYTES } from '../../../src/agent/sds/index.js';
import { type NameVisitor, readSubscribers } from '../../../src/agent/sds/subscribers.js';
import { Histogram, Metric, type MetricDefinition, type MetricRegistry } from '../../../src/telemetry/index.js';
import { certificateSecret, textSecret } from '../../support/fake-secret-source.js';
import { encodeRequest } from '../../support/sds-client.js';
import { LABELLED, serveSds } from './serve.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const BAD_KEY = 'Failed to load private key from <inline>, Cause: error:0b000074:X.509:KEY_VALUES_MISMATCH';

/** The values of a metric, by its labels joined with a space. */
function valuesOf(metrics: MetricRegistry, { name }: MetricDefinition): Record<string, number> {
  const found = metrics.series().filter(({ definition }) => definition.name === name);
  return Object.fromEntries(
    found.map(({ labels, metric }) => [
      Object.values(labels).join(' '),
      metric instanceof Histogram ? metric.count : metric.value,
    ]),
  );
}

t.test('a bundle that is refused for the fault of its certificate heals as soon as that is replaced', async (t) => {
  const { source, connect, sds, metrics, warnings } = await serveSds(t);
  source.setSecrets({ default: certificateSecret('bad'), ROOTCA: textSecret('good') });
  const leaf = connect();
  const bundle = leaf.another();
  leaf.request({ names: ['default'] });
  leaf.ack(await leaf.expectResponse());
  bundle.request({ names: ['ROOTCA'] });
  bundle.nack(await bundle.expectResponse(), BAD_KEY);
  await bundle.expectSilence();
  t.match(warnings, [{ fields: { resource_name: 'ROOTCA', blames: 'certificate' } }]);
  t.match(valuesOf(metrics, Metric.sdsRejections), { 'ROOTCA certificate': 1 });
  t.match(sds.status().names, [
    { name: 'default', streams: { applied: 1 }, lastRejection: undefined },
    { name: 'ROOTCA', streams: { rejected: 1 }, lastRejection: { blames: 'certificate', text: BAD_KEY } },
    { name: 'other' },
  ]);
  source.setSecrets({ default: certificateSecret('mended') });
  leaf.ack(await leaf.expectResponse());
  const again = await bundle.expectResponse();
  t.equal(again.version, textSecret('good').version);
  bundle.ack(again);
  await bundle.expectSilence();
  t.match(sds.status().names[1], { streams: { applied: 1, rejected: 0 } });
});

t.test('a certificate that is refused for its own fault is not offered again when the bundle changes', async (t) => {
  const { source, connect } = await serveSds(t);
  source.setSecrets({ default: certificateSecret('bad'), ROOTCA: textSecret('good') });
  const client = connect();
  client.request({ names: ['default'] });
  client.nack(await client.expectResponse(), BAD_KEY);
  source.set({ ROOTCA: 'renewed' });
  await client.expectSilence();
});

t.test('row 6: each NACK counts once, by name and by what it blames', async (t) => {
  const { source, connect, metrics } = await serveSds(t);
  source.set({ default: '1', 'file-cert:a~b': '1' });
  const client = connect();
  client.request({ names: ['default'] });
  client.nack(await client.expectResponse(), BAD_KEY);
  client.request({ names: ['default', 'file-cert:a~b'] });
  client.nack(await client.expectResponse(), 'no words for it');
  await client.expectSilence();
  t.same(valuesOf(metrics, Metric.sdsRejections), {
    'default certificate': 1,
    'default unknown': 1,
    'other unknown': 1,
  });
});

t.test('row 68: a flood of NACKs writes a few lines, keeps one text, and is counted', async (t) => {
  const { source, connect, warnings, metrics, sds, clock } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  client.request({ names: ['default'] });
  const huge = `line one\nline two ${'x'.repeat(900_000)}`;
  client.nack(await client.expectResponse(), huge);
  for (let count = 1; count < 50; count += 1) {
    source.set({ default: String(count) });
    const response = await client.expectResponse();
    client.nack(response, count === 49 ? huge.slice(0, 1000) : 'no');
    if (count > 1) continue;
    const repeated = encodeRequest({ names: ['default'], nonce: response.nonce, error: 'no' });
    await client.flood(repeated, 1000, () => valuesOf(metrics, Metric.sdsRequests).idle === 1000);
  }
  await client.expectSilence();
  t.equal(warnings.length, 5);
  t.equal(valuesOf(metrics, Metric.sdsLinesWithheld)[''], 45);
  t.match(valuesOf(metrics, Metric.sdsRequests), { nack: 50, idle: 1000 });
  const text = sds.status().names[0]?.lastRejection?.text ?? '';
  t.match(text, /^line one line two x+…$/);
  t.equal(text.length, 300);
  clock.nowMs += 60_000;
  source.set({ default: 'later' });
  client.nack(await client.expectResponse(), 'no');
  await client.expectSilence();
  t.match(warnings.at(-1), { fields: { reason: 'no', withheld: 45 } });
});

t.test('row 68: streams without end write no more into the log than a hundred lines a minute', async (t) => {
  const { source, connect, warnings, metrics, clock } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  const streams = Array.from({ length: 300 }, () => client.another());
  for (const stream of streams) stream.request({ names: ['default'] });
  for (const stream of streams) stream.nack(await stream.expectResponse(), 'no');
  await client.expectSilence();
  t.equal(warnings.length, 100);
  t.equal(valuesOf(metrics, Metric.sdsLinesWithheld)[''], 200);
  t.match(valuesOf(metrics, Metric.sdsRejections), { 'default unknown': 300 });
  source.set({ default: '1' });
  for (const stream of streams) await stream.expectResponse();
  clock.nowMs += 60_000;
  clock.tick();
  await client.expectSilence();
  t.match(warnings[100], { message: 'sds response is not answered', fields: { withheld: 200 } });
  t.equal(warnings.length, 200, 'nor about answers that do not come');
  t.match(valuesOf(metrics, Metric.sdsUnanswered), { late: 300 });
});

t.test(
  'row 68: a NACK of just below a megabyte is one, and one above ends its stream, with a word of either',
  async (t) => {
    const { source, connect, warnings, metrics, sds } = await serveSds(t);
    source.set({ default: '0' });
    const client = connect();
    const [within, beyond] = [client.another(), client.another()];
    for (const stream of [within, beyond]) stream.request({ names: ['default'] });
    const { nonce } = await within.expectResponse();
    const large = encodeRequest({ names: ['default'], nonce, error: 'x'.repeat(MAX_REQUEST_BYTES - 200) });
    await within.flood(large, 1, () => valuesOf(metrics, Metric.sdsRequests).nack === 1);
    beyond.nack(await beyond.expectResponse(), 'x'.repeat(MAX_REQUEST_BYTES + 1));
    t.match(await beyond.ended, { code: 8 });
    await within.expectSilence();
    t.match(valuesOf(metrics, Metric.sdsRequests), { nack: 1 });
    t.match(
      warnings.map(({ fields }) => fields.reason),
      [/^x{299}…$/],
    );
    t.equal(sds.status().streams, 2, 'no other stream has ended');
    source.set({ default: '1' });
    t.same((await within.expectResponse()).names, ['default']);
  },
);

t.test('row 68: ACKs of nonces that we have not given yet change nothing and are counted', async (t) => {
  const { source, connect, warnings, metrics } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  client.request({ names: ['default'] });
  const first = await client.expectResponse();
  const future = first.nonce.replace(/1$/, '2');
  const early = encodeRequest({ names: ['default'], nonce: future });
  await client.flood(early, 1000, () => valuesOf(metrics, Metric.sdsRequests).stale === 1000);
  source.set({ default: '1' });
  await client.expectSilence();
  client.ack(first);
  const second = await client.expectResponse();
  t.equal(second.nonce, future, 'it was the next one');
  client.ack(second);
  await client.expectSilence();
  t.same(warnings, []);
  t.match(valuesOf(metrics, Metric.sdsRequests), { stale: 1000, ack: 2 });
});

t.test('row 69: names out of requests make no series', async (t) => {
  const { source, connect, connectDelta, metrics } = await serveSds(t);
  const names = Array.from({ length: 1000 }, (_, index) => `name-${index}`);
  source.set(Object.fromEntries(names.map((name) => [name, 'x'])));
  const client = connect();
  const delta = connectDelta();
  client.request({ names: names.slice(0, 1) });
  client.nack(await client.expectResponse(), 'no');
  delta.request({ subscribe: names.slice(0, 1) });
  delta.nack(await delta.expectResponse(), 'no');
  for (const stream of [client, delta]) await stream.expectSilence();
  const before = metrics.series().length;
  client.request({ names });
  client.nack(await client.expectResponse(), 'no');
  source.set(Object.fromEntries(names.map((name) => [name, 'y'])));
  client.nack(await client.expectResponse(), 'no');
  delta.request({ subscribe: names });
  for (let count = 0; count < 20; count += 1) delta.nack(await delta.expectResponse(), 'no');
  await client.expectSilence();
  await delta.roundTrip();
  t.equal(metrics.series().length, before);
  const labels = new Set(metrics.series().map((series) => series.labels.name ?? 'other'));
  t.same([...labels].sort(), [...LABELLED, 'other'].sort());
});

t.test('row 56: the time to the ACK of a push, and to the last ACK of a version, is measured', async (t) => {
  const { source, connect, metrics, clock } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  const streams = [client, client.another(), client.another()];
  for (const stream of streams) {
    stream.request({ names: ['default'] });
    stream.ack(await stream.expectResponse());
  }
  await client.expectSilence();
  t.same(valuesOf(metrics, Metric.sdsRolloutSeconds), {}, 'a first answer is no rollout');
  source.set({ default: '1' });
  for (const stream of streams) {
    const response = await stream.expectResponse();
    clock.nowMs += 100;
    stream.ack(response);
    await stream.expectSilence();
  }
  const [rollout] = metrics.series().filter(({ definition }) => definition.name === Metric.sdsRolloutSeconds.name);
  t.match(rollout, { labels: { name: 'default' }, metric: { count: 1 } });
  t.ok(rollout?.metric instanceof Histogram && Math.abs(rollout.metric.sum - 0.3) < 1e-9);
  t.same(valuesOf(metrics, Metric.sdsAckSeconds), { '': 6 });
});

t.test('status tells of each configured name how its streams stand', async (t) => {
  const { source, connect, sds } = await serveSds(t);
  source.set({ default: '1', 'file-cert:a~b': 'x' });
  const client = connect();
  t.same(sds.status().streams, 0);
  const streams = [client, client.another(), client.another(), client.another()] as const;
  streams[0].request({ names: ['default'] });
  streams[0].ack(await streams[0].expectResponse());
  streams[1].request({ names: ['default', 'ROOTCA'] });
  await streams[1].expectResponse();
  streams[2].request({ names: ['default'] });
  streams[2].nack(await streams[2].expectResponse(), 'no');
  streams[3].request({ names: ['file-cert:a~b', 'unknown'] });
  await streams[3].expectResponse();
  await client.expectSilence();
  const none = { applied: 0, rejected: 0, unanswered: 0, waiting: 0 };
  const { version } = textSecret('1');
  const { subscribers, neverServed, ...status } = sds.status();
  t.same(status, {
    streams: 4,
    names: [
      {
        ...{ name: 'default', version, versionCount: 1 },
        streams: { ...none, applied: 1, rejected: 1, unanswered: 1 },
        ackedVersions: [{ version, streams: 1 }],
        lastRejection: { version, text: 'no', blames: undefined, atMs: 1_000_000 },
      },
      {
        ...{ name: 'ROOTCA', version: undefined, versionCount: 0 },
        streams: { ...none, waiting: 1 },
        ...{ ackedVersions: [], lastRejection: undefined },
      },
      {
        ...{ name: 'other', version: textSecret('x').version, versionCount: 1 },
        ...{ streams: { ...none, unanswered: 1, waiting: 1 }, ackedVersions: [], lastRejection: undefined },
      },
    ],
  });
});

t.test('status tells of each Envoy what it has ACKed and refused, and what it asks for without end', async (t) => {
  const { source, connect, sds } = await serveSds(t);
  source.set({ default: '1' });
  source.impossible.add('defautl');
  const good = connect();
  good.request({ names: ['default'], nodeId: 'good' });
  const response = await good.expectResponse();
  const { version } = response;
  good.ack(response);
  const bad = connect();
  bad.request({ names: ['default'], nodeId: 'bad' });
  bad.nack(await bad.expectResponse(), 'no');
  const second = bad.another();
  second.request({ names: ['defautl', 'ROOTCA'], nodeId: 'bad' });
  for (const stream of [good, second]) await stream.expectSilence();
  const { neverServed, subscribers } = sds.status();
  t.same(neverServed, [{ name: 'defautl', streams: 1 }]);
  t.equal(subscribers.count, 2);
  t.match(subscribers.shown, [
    {
      ...{ nodeId: 'bad', streams: 2, connections: [{ connection: Number }] },
      names: [
        { name: 'default', state: 'rejected', ackedVersion: undefined, lastRejection: { text: 'no', version } },
        { name: 'defautl', state: 'not_served', version: undefined },
        { name: 'ROOTCA', state: 'waiting' },
      ],
    },
    {
      ...{ nodeId: 'good', streams: 1 },
      names: [{ name: 'default', state: 'applied', version, ackedVersion: version, ackedAtMs: 1_000_000 }],
    },
  ]);
});

t.test('status shows a hundred of a thousand Envoys: those in trouble, then the newest', (t) => {
  const stream = (number: number, state: 'applied' | 'rejected') => ({
    ...{ nodeId: `envoy-${number}`, connection: number, stream: number, peer: { uid: 1, pid: number } },
    ...{ ackedAtMs: undefined, lastRejection: undefined, isNeverServed: () => false },
    eachName: (visit: NameVisitor) => visit('default', state, undefined, undefined),
  });
  const streams = Array.from({ length: 1000 }, (_, index) => stream(index, index === 7 ? 'rejected' : 'applied'));
  const { count, shown } = readSubscribers(streams);
  t.equal(count, 1000);
  t.equal(shown.length, 100);
  t.strictSame(
    shown.slice(0, 3).map(({ nodeId }) => nodeId),
    ['envoy-7', 'envoy-999', 'envoy-998'],
  );
  t.end();
});

t.test('streams are counted by method while they are open', async (t) => {
  const { source, connect, connectDelta, metrics } = await serveSds(t);
  source.set({ default: '1' });
  const sotw = connect();
  const delta = connectDelta();
  sotw.request({ names: ['default'] });
  delta.request({ subscribe: ['default'] });
  await Promise.all([sotw.expectResponse(), delta.expectResponse()]);
  t.match(valuesOf(metrics, Metric.sdsStreams), { StreamSecrets: 1, DeltaSecrets: 1 });
  sotw.halfClose();
  delta.halfClose();
  await Promise.all([sotw.ended, delta.ended]);
  t.match(valuesOf(metrics, Metric.sdsStreams), { StreamSecrets: 0, DeltaSecrets: 0 });
});

t.test('a response that nobody answers is counted, late and given up', async (t) => {
  const { source, connect, metrics, clock } = await serveSds(t);
  source.set({ default: '1' });
  const client = connect();
  client.request({ names: ['default'] });
  await client.expectResponse();
  for (let count = 0; count < 2; count += 1) {
    clock.nowMs += 30_000;
    clock.tick();
  }
  t.match(await client.ended, { code: 0 });
  t.same(valuesOf(metrics, Metric.sdsUnanswered), { late: 1, dead: 1 });
});
