import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { Metric, MetricRegistry } from '../../src/telemetry/index.js';
import { SpanExporter, type SpanExporterOptions } from '../../src/tracing/span-exporter.js';
import type { EndedSpan } from '../../src/tracing/spans.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { TestCa } from '../support/test-ca.js';
import { TraceCollector } from '../support/trace-collector.js';

function span(name: string): EndedSpan {
  return {
    ...{ traceId: '01'.repeat(16), spanId: '02'.repeat(8), parentSpanId: undefined, name, kind: 'internal' },
    ...{ startedAtMs: 1000, endedAtMs: 2000, attributes: new Map(), isFailed: false },
  };
}

/** An exporter without delay, and what it counts. */
function open(t: Test, url: string, options: Partial<SpanExporterOptions['endpoint']> = {}) {
  const [logger, metrics] = [new RecordingLogger(), new MetricRegistry()];
  const exporter = new SpanExporter({
    endpoint: { url: new URL(`${url}/v1/traces`), headers: {}, ...options },
    source: { resource: { 'service.name': 'test' }, version: '0' },
    ...{ logger, metrics, random: () => 0, delayMs: 1 },
  });
  t.teardown(() => exporter.close());
  const dropped = (reason: string): number => metrics.counter(Metric.traceSpansDropped, { reason }).value;
  return { exporter, logger, dropped, exported: () => metrics.counter(Metric.traceSpansExported).value };
}

/** An address where nothing listens. */
async function nowhere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

t.test('spans go together, as protobuf, with the headers of the settings', async (t) => {
  const collector = await TraceCollector.start(t);
  const { exporter, exported } = open(t, collector.url, { headers: { 'x-key': 's3cret' } });
  exporter.add(span('one'));
  exporter.add(span('two'));
  await collector.until(({ spans }) => spans.length === 2);
  await exporter.close();
  t.equal(collector.bodies.length, 1);
  t.strictSame(collector.paths, ['/v1/traces']);
  t.match(collector.headers, [{ 'content-type': 'application/x-protobuf', 'x-key': 's3cret' }]);
  t.match(collector.spans, [{ name: 'one', resource: { 'service.name': 'test' } }, { name: 'two' }]);
  t.equal(exported(), 2);
});

t.test('a collector behind TLS is verified by the roots of the settings', async (t) => {
  const ca = TestCa.root();
  const { certPem: cert, keyPem: key } = ca.server();
  const collector = await TraceCollector.start(t, { cert, key });
  const known = open(t, collector.url, { rootsPem: ca.certificatePem });
  known.exporter.add(span('known'));
  await collector.until(({ spans }) => spans.length === 1);
  t.match(collector.spans, [{ name: 'known' }]);

  const stranger = open(t, collector.url, { rootsPem: TestCa.root().certificatePem });
  stranger.exporter.add(span('other'));
  await stranger.logger.until('traces do not reach the collector');
  t.equal(collector.spans.length, 1);
  t.match(stranger.logger.lines, [{ message: 'traces do not reach the collector', fields: { reason: /certificate/ } }]);
});

t.test('roots that are none are a line of the log, and no more', async (t) => {
  const { exporter, dropped, logger } = open(t, 'https://127.0.0.1:1', {
    rootsPem: Buffer.from('-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n'),
  });
  exporter.add(span('one'));
  await exporter.close();
  t.equal(dropped('not_sent'), 1);
  t.match(logger.lines, [{ level: 'warn', message: 'traces do not reach the collector' }]);
});

t.test('a batch that a busy collector has refused is sent again, and the log says so once each way', async (t) => {
  const collector = await TraceCollector.start(t);
  const { exporter, logger, dropped, exported } = open(t, collector.url);
  collector.answer = { status: 503, headers: { 'retry-after': '0' } };
  exporter.add(span('one'));
  await collector.until(({ bodies }) => bodies.length === 1);
  collector.answer = { status: 200 };
  await logger.until('traces reach the collector again');
  await exporter.close();
  t.equal(exported(), 1);
  t.equal(dropped('not_sent'), 0);
  const address = new URL(collector.url).host;
  t.match(logger.lines, [
    { level: 'warn', message: 'traces do not reach the collector', fields: { address, reason: /status 503/ } },
    { level: 'info', message: 'traces reach the collector again', fields: { address } },
  ]);
});

for (const status of [400, 401, 404, 302]) {
  t.test(`a batch that is answered with ${status} is dropped, and counted`, async (t) => {
    const collector = await TraceCollector.start(t);
    collector.answer = { status, headers: { location: '/elsewhere' } };
    const { exporter, dropped } = open(t, collector.url);
    exporter.add(span('one'));
    await collector.until(({ bodies }) => bodies.length === 1);
    await exporter.close();
    t.equal(collector.bodies.length, 1);
    t.equal(dropped('not_sent'), 1);
  });
}

t.test('what a collector rejects of a batch is counted', async (t) => {
  const collector = await TraceCollector.start(t);
  collector.answer = { status: 200, body: Buffer.from('0a020801', 'hex') };
  const { exporter, dropped, exported, logger } = open(t, collector.url);
  exporter.add(span('one'));
  exporter.add(span('two'));
  await logger.until('the collector has rejected spans');
  t.equal(exported(), 1);
  t.equal(dropped('rejected'), 1);
  t.match(logger.lines, [{ message: 'the collector has rejected spans', fields: { count: 1 } }]);
});

t.test('an answer without end is cut off', async (t) => {
  const collector = await TraceCollector.start(t);
  collector.answer = { status: 200, body: Buffer.alloc(1024 * 1024) };
  const { exporter, dropped, logger } = open(t, collector.url);
  exporter.add(span('one'));
  await logger.until('traces do not reach the collector');
  await exporter.close();
  t.equal(dropped('not_sent'), 1);
  t.match(logger.lines, [{ fields: { reason: /got more than 65536 bytes/ } }]);
});

for (const { name, start } of [
  { name: 'hangs', start: hanging },
  { name: 'is away', start: nowhere },
]) {
  t.test(`with a collector that ${name} the queue is bounded, and the end does not wait for it`, async (t) => {
    const { exporter, dropped, exported } = open(t, await start(t));
    const count = 5000;
    for (let at = 0; at < count; at += 1) exporter.add(span(`${at}`));
    t.ok(dropped('queue_full') >= count - 2048 - 128, `${dropped('queue_full')}`);
    await exporter.close();
    exporter.add(span('late'));
    t.equal(exported(), 0);
    t.equal(dropped('queue_full') + dropped('not_sent'), count + 1);
  });
}

async function hanging(t: Test): Promise<string> {
  const collector = await TraceCollector.start(t);
  collector.answer = 'hang';
  return collector.url;
}
