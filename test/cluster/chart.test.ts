import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { CLUSTER_PATIENCE_MS, NO_CLUSTER, openCluster } from '../support/cluster.js';

t.setTimeout(CLUSTER_PATIENCE_MS);

const run = promisify(execFile);

/** build/test/cluster/ → the project. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CHART = join(ROOT, 'deploy/charts/sidecert');
const HELM = join(process.env.HELM_PATH ?? 'no-helm-found: run npm run test:kubernetes', 'helm');

const helm = async (...args: string[]): Promise<string> => (await run(HELM, args)).stdout;

/** All that the chart can give, in every way that its values choose. */
const WAYS: readonly (readonly string[])[] = [
  [],
  ['createNamespace=true'],
  [
    'citadel.replicas=1',
    'citadel.caSecret=my-ca',
    'citadel.networkPolicy=false',
    'citadel.tokenReview=true',
    'citadel.podCheck=true',
    'citadel.trustedNodeAccounts={istio-system/ztunnel}',
    'citadel.publishRoots=false',
  ],
  ['node.enabled=true', 'monitoring.podMonitor=true', 'citadel.enabled=false'],
  ['monitoring.alerts=true', 'monitoring.dashboard=true'],
  ['injector.enableNamespacesByDefault=true', 'injector.failurePolicy=Ignore', 'injector.sidecars.inbound=permissive'],
];

t.test('helm finds nothing to say of the chart', { skip: NO_CLUSTER }, async (t) => {
  t.match(await helm('lint', '--strict', CHART), /1 chart\(s\) linted, 0 chart\(s\) failed/);
});

t.test('the plain manifest is the chart with its defaults', { skip: NO_CLUSTER }, async (t) => {
  const { renderManifest } = await import(new URL('../../../scripts/manifest.mjs', import.meta.url).href);
  t.equal(await readFile(join(ROOT, 'deploy/sidecert-sds.yaml'), 'utf8'), await renderManifest(HELM));
});

t.test(
  'the API server takes what the chart gives, without a field that it does not know',
  { skip: NO_CLUSTER },
  async (t) => {
    const { cluster } = await openCluster();
    for (const settings of WAYS) {
      const flags = settings.flatMap((one) => ['--set', one]);
      const rendered = await helm('template', 'sidecert', CHART, '--namespace', 'istio-system', ...flags);
      // Nothing of this cluster knows it.
      const input = rendered
        .split(/^---$/m)
        .filter((document) => !/^kind: (PodMonitor|PrometheusRule)$/m.test(document))
        .join('\n---\n');
      const args = ['apply', '--dry-run=server', '--validate=strict', '-f', '-'];
      t.ok(await cluster.kubectl(args, { input }), settings.join(' ') || 'defaults');
    }
  },
);

t.test('the chart lets Citadel do what its tests with a real API server let it do', { skip: NO_CLUSTER }, async (t) => {
  const rulesOf = (text: string): unknown[] =>
    parseAllDocuments(text).flatMap((document) => {
      const { kind, rules } = document.toJS() ?? {};
      return kind === 'ClusterRole' || kind === 'Role' ? [{ kind, rules }] : [];
    });
  const chart = await helm(
    'template',
    'x',
    CHART,
    '--set',
    'citadel.tokenReview=true,citadel.podCheck=true,injector.enabled=false',
  );
  t.strictSame(rulesOf(chart), rulesOf(await readFile(join(ROOT, 'deploy/rbac-citadel.yaml'), 'utf8')));
});

t.test('the chart brings the alert rules and the dashboard as they are', { skip: NO_CLUSTER }, async (t) => {
  const on = ['monitoring.alerts=true', 'monitoring.dashboard=true'].flatMap((one) => ['--set', one]);
  const documents = parseAllDocuments(await helm('template', 'x', CHART, ...on)).map((one) => one.toJS());
  const rules = documents.find(({ kind }) => kind === 'PrometheusRule');
  t.strictSame(rules.spec, parse(await readFile(join(ROOT, 'deploy/observability/alerts.yaml'), 'utf8')));
  const dashboard = documents.find(({ metadata }) => metadata.name === 'sidecert-dashboard');
  const file = await readFile(join(ROOT, 'deploy/observability/dashboard.json'), 'utf8');
  t.strictSame(JSON.parse(dashboard.data['sidecert.json']), JSON.parse(file));
});

for (const { value, wants } of [
  { value: 'citadel.replicas=0', wants: /replicas/ },
  { value: 'citadel.maxTtl=soon', wants: /maxTtl/ },
  { value: 'citadel.replica=3', wants: /replica/ },
  { value: 'image.pullPolicy=Sometimes', wants: /pullPolicy/ },
]) {
  t.test(`a value that cannot be is refused: ${value}`, { skip: NO_CLUSTER }, async (t) => {
    const { stderr } = await helm('template', 'x', CHART, '--set', value).then(
      () => ({ stderr: 'nothing' }),
      (error: { stderr: string }) => error,
    );
    t.match(stderr, wants);
  });
}
