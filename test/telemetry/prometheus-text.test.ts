import t from 'tap';
import { Metric, MetricRegistry, prometheusText } from '../../src/telemetry/index.js';
import { prometheusClient } from '../support/prometheus-client.js';

const judge = prometheusClient();
const odd = { kind: 'gauge', name: 'odd', help: 'A \\ and\na second line.' } as const;
const sizes = { kind: 'histogram', name: 'sizes', help: 'Sizes.', bounds: [0.5, 10] } as const;

t.test('counters, gauges and histograms are what Prometheus reads', { skip: judge.skip }, async (t) => {
  const registry = new MetricRegistry();
  registry.counter(Metric.hotPathRefused, { queue: 'needed' }).add(3);
  registry.histogram(sizes, { of: 'a' }).observe(0.25);
  registry.gauge(odd).set(Number.NaN);
  registry.histogram(sizes, { of: 'a' }).observe(11);
  registry.counter(Metric.hotPathRefused, { queue: 'ahead' }).add(1);
  const families = judge.read(prometheusText(registry.series()));
  t.strictSame(families, [
    [
      'sidecert_hotpath_refused',
      'counter',
      Metric.hotPathRefused.help,
      [
        ['sidecert_hotpath_refused_total', { queue: 'needed' }, '3.0'],
        ['sidecert_hotpath_refused_total', { queue: 'ahead' }, '1.0'],
      ],
    ],
    [
      'sizes',
      'histogram',
      'Sizes.',
      [
        ['sizes_bucket', { of: 'a', le: '0.5' }, '1.0'],
        ['sizes_bucket', { of: 'a', le: '10' }, '1.0'],
        ['sizes_bucket', { of: 'a', le: '+Inf' }, '2.0'],
        ['sizes_sum', { of: 'a' }, '11.25'],
        ['sizes_count', { of: 'a' }, '2.0'],
      ],
    ],
    ['odd', 'gauge', odd.help, [['odd', {}, 'nan']]],
  ]);
});

t.test('whatever a label holds, it comes back as it was', { skip: judge.skip }, async (t) => {
  const values = ['"', '\\', '\n', '\\n', 'a"b\\"c\nd', '} 1', 'ü€'];
  const registry = new MetricRegistry();
  for (const value of values) registry.gauge(odd, { value }).set(-1.5e-7);
  const [[, , , samples] = []] = judge.read(prometheusText(registry.series()));
  t.strictSame(
    samples,
    values.map((value) => ['odd', { value }, '-1.5e-07']),
  );
});

t.test('infinities are spelled as Go reads them, and no series are no text', async (t) => {
  const registry = new MetricRegistry();
  registry.gauge(odd, { value: 'above' }).set(Number.POSITIVE_INFINITY);
  registry.gauge(odd, { value: 'below' }).set(Number.NEGATIVE_INFINITY);
  t.match(prometheusText(registry.series()), /"above"\} \+Inf\n.*"below"\} -Inf\n$/s);
  t.equal(prometheusText([]), '');
});
