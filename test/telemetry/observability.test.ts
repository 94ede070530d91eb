import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { ERROR_CODES } from '../../src/errors/index.js';
import { Metric } from '../../src/telemetry/index.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { hasPromtool, PROMTOOL } from '../support/metric-lint.js';
import { shortDir } from '../support/short-dir.js';
import { type SidecarAgent, startSidecarAgent } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DIRECTORY = join(ROOT, 'deploy/observability');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly runbook_url: string; readonly summary: string; readonly description: string };
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const read = (name: string): string => readFileSync(join(DIRECTORY, name), 'utf8');
const alerts: readonly Alert[] = parse(read('alerts.yaml')).groups.flatMap((group: { rules: Alert[] }) => group.rules);
const dashboard: { readonly panels: readonly Panel[] } = JSON.parse(read('dashboard.json'));
const panelExpressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const expressions = [...alerts.map(({ expr }) => expr), ...panelExpressions];

const NAMES = new Set(Object.values(Metric).map(({ name }) => name as string));
/** What a histogram has besides. */
const SERIES = new Set(
  Object.values(Metric).flatMap(({ name, kind }) =>
    kind === 'histogram' ? ['bucket', 'count', 'sum'].map((end) => `${name}_${end}`) : [name],
  ),
);

t.test('alerts and dashboard ask for series that there are, and for error codes that there are', async (t) => {
  for (const expression of expressions) {
    const pattern = /__name__=~"([^"]*)"/.exec(expression)?.[1];
    const named = expression.replace(/"[^"]*"/g, '""').match(/\b(sidecert|process)_[a-z0-9_]+/g) ?? [];
    const found = pattern === undefined ? named : [...SERIES].filter((name) => new RegExp(`^${pattern}$`).test(name));
    t.ok(found.length > 0, expression);
    for (const name of found) t.ok(SERIES.has(name), `${name} in ${expression}`);
    const codes = expression.match(/\bERR_[A-Z_]+\b/g) ?? [];
    for (const code of codes.filter((one) => !one.endsWith('_')))
      t.ok(
        ERROR_CODES.some((one) => one === code),
        code,
      );
  }
});

t.test('each alert leads to its place in docs/alerts.md, which has no other, and has a test of its own', async (t) => {
  const headings = [...readFileSync(join(ROOT, 'docs/alerts.md'), 'utf8').matchAll(/^## (Sidecert\w+)$/gm)];
  const names = alerts.map(({ alert }) => alert);
  t.strictSame(
    headings.map(([, name]) => name),
    names,
  );
  for (const { alert, labels, annotations } of alerts) {
    const page = 'https://github.com/sidecert/sidecert/blob/main/docs/alerts.md';
    t.equal(annotations.runbook_url, `${page}#${alert.toLowerCase()}`);
    t.ok(['warning', 'critical'].includes(labels.severity), alert);
  }
  const tests: { name: string }[] = parse(read('alerts-test.yaml')).tests;
  t.strictSame(
    tests.map(({ name }) => name),
    names,
  );
});

t.test('no panel of the dashboard is empty or lies on another', async (t) => {
  const cells = new Set<string>();
  for (const { type, title, gridPos, targets = [] } of dashboard.panels) {
    if (type !== 'row') t.ok(targets.length > 0, title);
    t.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        t.notOk(cells.has(`${x} ${y}`), `${title}: ${x}, ${y}`);
        cells.add(`${x} ${y}`);
      }
  }
  t.ok(NAMES.size > 0);
});

const skip = hasPromtool ? false : 'PROMTOOL_PATH names no promtool';

function promtool(...args: string[]): { readonly code: number | null; readonly said: string } {
  const { status: code, stdout, stderr } = spawnSync(PROMTOOL, args, { encoding: 'utf8' });
  return { code, said: `${stdout}${stderr}` };
}

t.test('promtool reads the rules, and each of them does what its test says', { skip }, async (t) => {
  t.match(promtool('check', 'rules', join(DIRECTORY, 'alerts.yaml')), { code: 0 });
  t.match(promtool('test', 'rules', join(DIRECTORY, 'alerts-test.yaml')), { code: 0 });
});

t.test('Prometheus understands every panel of the dashboard', { skip }, async (t) => {
  const directory = shortDir(t);
  const rules = panelExpressions.map((expr, at) => ({
    record: `panel_${at}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
  }));
  writeFileSync(join(directory, 'panels.yaml'), JSON.stringify({ groups: [{ name: 'panels', rules }] }));
  const { code, said } = promtool('check', 'rules', join(directory, 'panels.yaml'));
  t.equal(code, 0, said);
});

/** The series of an agent's page, as one that comes up after ten minutes and stays as it is. */
async function seriesOf({ logger }: SidecarAgent) {
  const { fields } = await logger.until('status page open');
  const page = await (await fetch(`http://${fields.address}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  // promtool cannot be given NaN, for which no comparison holds. How late the loop is, is a matter of this machine.
  const numbers = lines.filter((line) => !/ NaN$|^sidecert_event_loop_delay_seconds/.test(line));
  return numbers.map((line) => {
    const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const more = labels === '' ? '' : `${labels},`;
    return { series: `${name}{${more}instance="a"}`, values: `_x9 ${value}x30` };
  });
}

/** Which alerts fire, by Prometheus, while an agent is as it is now. */
async function firing(t: Test, agent: SidecarAgent, expected: readonly string[]): Promise<void> {
  const directory = shortDir(t);
  cpSync(join(DIRECTORY, 'alerts.yaml'), join(directory, 'alerts.yaml'));
  const samples = expected.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 }));
  const test = {
    interval: '1m',
    input_series: await seriesOf(agent),
    promql_expr_test: [
      { expr: 'count by (alertname) (ALERTS{alertstate="firing"})', eval_time: '18m', exp_samples: samples },
    ],
  };
  const file = join(directory, 'test.yaml');
  writeFileSync(file, JSON.stringify({ rule_files: ['alerts.yaml'], evaluation_interval: '1m', tests: [test] }));
  const { code, said } = promtool('test', 'rules', file);
  t.equal(code, 0, said);
}

const WITH_PAGE = { 'status-address': '127.0.0.1:0' };

/** With a root that lives long, as those of real ones. */
function startCa(t: Test): ReturnType<typeof FakeCaServer.start> {
  const inOneYearMs = Date.now() + 365 * 24 * 3_600_000;
  return FakeCaServer.start(t, { root: TestCa.root('test root', { notAfterMs: inOneYearMs }) });
}

t.test('no alert fires for an agent that serves', { skip }, async (t) => {
  const agent = await startSidecarAgent(t, { ca: await startCa(t), flags: WITH_PAGE });
  const { stream, response } = await agent.ask('default', 'ROOTCA');
  stream.ack(response);
  await firing(t, agent, []);
});

t.test('an agent whose token is refused, and has no certificate, brings two alerts', { skip }, async (t) => {
  const ca = await startCa(t);
  ca.fault = { kind: 'reject', code: status.UNAUTHENTICATED };
  const agent = await startSidecarAgent(t, { ca, flags: WITH_PAGE });
  await agent.logger.until('no valid svid');
  await firing(t, agent, ['SidecertCaRefuses', 'SidecertNoCertificate']);
});

t.test('an agent whose CA is away brings an alert for it', { skip }, async (t) => {
  const ca = await startCa(t);
  ca.fault = { kind: 'reject', code: status.UNAVAILABLE };
  const agent = await startSidecarAgent(t, { ca, flags: WITH_PAGE });
  await agent.logger.until('no valid svid', 2);
  await firing(t, agent, ['SidecertCaAway', 'SidecertNoCertificate']);
});

t.test('an Envoy that rejects a secret brings an alert', { skip }, async (t) => {
  const agent = await startSidecarAgent(t, { ca: await startCa(t), flags: WITH_PAGE });
  const stream = agent.connect();
  stream.request({ names: ['default'], nodeId: 'test' });
  stream.nack(await stream.expectResponse(), 'Failed to load private key');
  await agent.logger.until('sds secret rejected by its proxy');
  await firing(t, agent, ['SidecertSecretsRejected']);
});

t.test('a certificate that has expired brings an alert', { skip }, async (t) => {
  const ca = await startCa(t);
  ca.fault = { kind: 'issues', lifeMs: 3000 };
  const agent = await startSidecarAgent(t, { ca, flags: WITH_PAGE });
  await agent.logger.until('svid issued');
  ca.fault = { kind: 'reject', code: status.PERMISSION_DENIED };
  // Where the machine is slow, a first attempt may have failed before.
  await agent.logger.until('no valid svid', 1 + agent.logger.of('no valid svid').length);
  await firing(t, agent, ['SidecertCaRefuses', 'SidecertCertificateExpired']);
});

t.test('a root that expires within the hour brings an alert', { skip }, async (t) => {
  const agent = await startSidecarAgent(t, { ca: await FakeCaServer.start(t), flags: WITH_PAGE });
  await agent.ask('default', 'ROOTCA');
  await firing(t, agent, ['SidecertTrustBundleExpiring']);
});
