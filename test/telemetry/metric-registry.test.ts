import t from 'tap';
import { Metric, type MetricDefinition, MetricRegistry } from '../../src/telemetry/index.js';

t.test('a counter adds, a gauge shows the last value', async (t) => {
  const registry = new MetricRegistry();
  const refused = registry.counter(Metric.hotPathRefused);
  const queueLength = registry.gauge(Metric.hotPathQueueLength);
  refused.add();
  refused.add(2);
  queueLength.set(7);
  queueLength.set(3);
  t.equal(refused.value, 3);
  t.equal(queueLength.value, 3);
});

t.test('a histogram counts what is at most each bound, and all', async (t) => {
  const definition = { kind: 'histogram', name: 'sizes', help: '', bounds: [1, 10] } as const;
  const sizes = new MetricRegistry().histogram(definition);
  for (const size of [0.5, 1, 2, 10, 11]) sizes.observe(size);
  t.same(sizes.cumulative, [2, 4, 5]);
  t.equal(sizes.count, 5);
  t.equal(sizes.sum, 24.5);
});

t.test('one name with other labels is another series, with the same ones in any order it is the same', async (t) => {
  const registry = new MetricRegistry();
  const hung = registry.counter(Metric.hotPathThreadsLost, { reason: 'hung', room: 'a' });
  const failed = registry.counter(Metric.hotPathThreadsLost, { reason: 'failed', room: 'a' });
  hung.add();
  t.equal(failed.value, 0);
  t.equal(registry.counter(Metric.hotPathThreadsLost, { room: 'a', reason: 'hung' }), hung);
  t.same(
    registry.series().map(({ definition, labels }) => [definition.name, labels]),
    [
      ['sidecert_hotpath_threads_lost_total', { reason: 'hung', room: 'a' }],
      ['sidecert_hotpath_threads_lost_total', { reason: 'failed', room: 'a' }],
    ],
  );
});

t.test('names follow the customs of Prometheus, and each is used once', async (t) => {
  const definitions: MetricDefinition[] = Object.values(Metric);
  for (const { kind, name, help } of definitions) {
    t.match(name, /^(sidecert|process)_[a-z0-9]+(_[a-z0-9]+)*$/);
    t.equal(name.endsWith('_total'), kind === 'counter', `${name}: _total is for counters`);
    t.match(help, /^[A-Z].*\.$/, `${name}: help is a sentence`);
  }
  t.equal(new Set(definitions.map(({ name }) => name)).size, definitions.length);
});
