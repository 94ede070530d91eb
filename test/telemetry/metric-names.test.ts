import t from 'tap';
import { IstioMetric, Metric, MetricRegistry, prometheusText } from '../../src/telemetry/index.js';
import { hasPromtool, metricProblems, promtoolProblems } from '../support/metric-lint.js';

t.test('names and help texts of all metrics are as Prometheus wants them', async (t) => {
  const registry = new MetricRegistry();
  for (const definition of [...Object.values(Metric), ...Object.values(IstioMetric)]) {
    if (definition.kind === 'counter') registry.counter(definition);
    else if (definition.kind === 'gauge') registry.gauge(definition);
    else registry.histogram(definition);
  }
  t.strictSame(metricProblems(prometheusText(registry.series())), []);
});

t.test('what stands beside names of Istio is found all the same', async (t) => {
  const istio = '# HELP citadel_server_csr_count Some help.\n# TYPE citadel_server_csr_count counter\n';
  const ours = '# HELP sidecert_csr_count Some help.\n# TYPE sidecert_csr_count counter\n';
  t.strictSame(metricProblems(`${istio}citadel_server_csr_count 1\n`), []);
  const both = `${istio}citadel_server_csr_count 1\n${ours}sidecert_csr_count 1\n`;
  t.match(metricProblems(both).join('\n'), /sidecert_csr_count: expected the end _total/);
  if (hasPromtool) t.equal(promtoolProblems(both).length > 0, true);
});

const gauge = (name: string, labels = '', help = 'Some help.') =>
  `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}${labels} 1\n`;
const cases = [
  { name: 'a colon', text: gauge('sidecert:things'), says: /begins with sidecert_/ },
  { name: 'camel case', text: gauge('sidecert_openThings'), says: /a name of a-z/ },
  {
    name: 'no help',
    text: gauge('sidecert_things', '', '').replace(/# HELP.*\n/, '# HELP sidecert_things\n'),
    says: /help text/,
  },
  {
    name: 'a counter without _total',
    text: gauge('sidecert_things').replace(' gauge', ' counter'),
    says: /_total for counters/,
  },
  { name: 'a gauge with _total', text: gauge('sidecert_things_total'), says: /_total for counters/ },
  { name: 'a gauge that ends in _count', text: gauge('sidecert_things_count'), says: /series of a histogram/ },
  { name: 'its kind in its name', text: gauge('sidecert_gauge_things'), says: /no kind/ },
  { name: 'milliseconds', text: gauge('sidecert_wait_milliseconds'), says: /units of seconds/ },
  { name: 'an abbreviated unit', text: gauge('sidecert_wait_ms'), says: /abbreviated/ },
  { name: 'a unit in the middle', text: gauge('sidecert_seconds_waited'), says: /unit at its end/, isOurs: true },
  { name: 'the label of a histogram', text: gauge('sidecert_things', '{le="1"}'), says: /label le/ },
  { name: 'the label of a summary', text: gauge('sidecert_things', '{of="a",quantile="1"}'), says: /label quantile/ },
  { name: 'a label in camel case', text: gauge('sidecert_things', '{ofWhat="a"}'), says: /labels of a-z/ },
] as const;
for (const { name, text, says, ...rest } of cases) {
  t.test(`${name} is found${hasPromtool && !('isOurs' in rest) ? ', also by promtool' : ''}`, async (t) => {
    t.match(metricProblems(text).join('\n'), says);
    if (hasPromtool) t.equal(promtoolProblems(text).length > 0, !('isOurs' in rest));
  });
}
