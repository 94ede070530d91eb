import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { IstioMetrics } from '../../../src/citadel/issuance/index.js';
import { refusalOf } from '../../../src/citadel/issuance/refusal.js';
import { ERROR_CODES, type ErrorCode, IdentityError } from '../../../src/errors/index.js';
import { status } from '../../../src/net/grpc/index.js';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { Metric, MetricRegistry, prometheusText } from '../../../src/telemetry/index.js';
import { hasPromtool, PROMTOOL } from '../../support/metric-lint.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const NOW_MS = Date.parse('2026-12-01T00:00:00Z');
const DAY_MS = 86_400_000;

const root = TestCa.root('first', { notAfterMs: NOW_MS + 10 * DAY_MS });
const other = TestCa.root('second', { notAfterMs: NOW_MS + 5 * DAY_MS });
const signing = TestCa.root('signs', { notAfterMs: NOW_MS + DAY_MS });
const rootsOf = (...cas: TestCa[]): TrustBundle =>
  TrustBundle.parsePem(Buffer.concat(cas.map((ca) => ca.certificatePem)));

/** As Istio has them. (istio/istio at eed52ebb66ad, security/pkg/server/ca/monitoring.go) */
const KINDS = {
  citadel_server_csr_count: 'counter',
  citadel_server_authentication_failure_count: 'counter',
  citadel_server_csr_parsing_err_count: 'counter',
  citadel_server_id_extraction_err_count: 'counter',
  citadel_server_csr_sign_err_count: 'counter',
  citadel_server_success_cert_issuance_count: 'counter',
  citadel_server_root_cert_expiry_timestamp: 'gauge',
  citadel_server_root_cert_expiry_seconds: 'gauge',
  citadel_server_cert_chain_expiry_timestamp: 'gauge',
  citadel_server_cert_chain_expiry_seconds: 'gauge',
};

function scene() {
  const registry = new MetricRegistry();
  let intermediatesPem: string[] = [];
  const metrics = new IstioMetrics({
    metrics: registry,
    authority: () => ({
      signer: { certificate: new X509Certificate(signing.certificatePem) } as never,
      bundle: rootsOf(root, other),
      intermediatesPem,
    }),
    now: () => NOW_MS,
  });
  return {
    ended(code: ErrorCode | 'OK', times = 1) {
      const histogram = registry.histogram(Metric.certificateRequestSeconds, { code });
      for (let time = 0; time < times; time += 1) histogram.observe(0.001);
    },
    withChain(pem: string[]) {
      intermediatesPem = pem;
    },
    /** All of Istio's names, as a scraper reads them. */
    scrape() {
      metrics.collect();
      return prometheusText(registry.series().filter(({ definition }) => definition.name.startsWith('citadel_')));
    },
  };
}

/** Each series with its value. */
function valuesOf(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => line.split(' ')).map(([name, value]) => [name, Number(value)]));
}

t.test('kinds are those of Istio', async (t) => {
  const { withChain, scrape } = scene();
  withChain([signing.certificatePem.toString()]);
  const found = [...scrape().matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, kind]) => [name, kind]);
  t.strictSame(Object.fromEntries(found), KINDS);
});

const NO_CALL = {
  citadel_server_csr_count: 0,
  citadel_server_authentication_failure_count: 0,
  citadel_server_csr_parsing_err_count: 0,
  citadel_server_id_extraction_err_count: 0,
  'citadel_server_csr_sign_err_count{error="CA_NOT_READY"}': 0,
  'citadel_server_csr_sign_err_count{error="CSR_ERROR"}': 0,
  'citadel_server_csr_sign_err_count{error="TTL_ERROR"}': 0,
  'citadel_server_csr_sign_err_count{error="CERT_GEN_ERROR"}': 0,
  'citadel_server_csr_sign_err_count{error="UNKNOWN"}': 0,
  citadel_server_success_cert_issuance_count: 0,
  citadel_server_root_cert_expiry_timestamp: (NOW_MS + 10 * DAY_MS) / 1000,
  citadel_server_root_cert_expiry_seconds: (10 * DAY_MS) / 1000,
};

t.test('before the first call each count is there, as 0, and the end of the first root', async (t) => {
  t.strictSame(valuesOf(scene().scrape()), NO_CALL);
});

t.test('calls count as with istiod, however often they are read', async (t) => {
  const { ended, scrape } = scene();
  ended('OK', 5);
  ended('ERR_TOKEN_REFUSED', 2);
  ended('ERR_CSR_INVALID', 3);
  ended('ERR_TTL_TOO_LONG');
  scrape();
  ended('OK');
  ended('ERR_CANCELLED');
  scrape();
  t.strictSame(valuesOf(scrape()), {
    ...NO_CALL,
    citadel_server_csr_count: 13,
    citadel_server_authentication_failure_count: 2,
    citadel_server_csr_parsing_err_count: 3,
    'citadel_server_csr_sign_err_count{error="CSR_ERROR"}': 3,
    'citadel_server_csr_sign_err_count{error="TTL_ERROR"}': 1,
    citadel_server_success_cert_issuance_count: 6,
  });
});

t.test('the end of what signs is told while there is something between it and the root', async (t) => {
  const { withChain, scrape } = scene();
  withChain([signing.certificatePem.toString()]);
  const atEnd = {
    citadel_server_cert_chain_expiry_timestamp: (NOW_MS + DAY_MS) / 1000,
    citadel_server_cert_chain_expiry_seconds: DAY_MS / 1000,
  };
  t.strictSame(valuesOf(scrape()), { ...NO_CALL, ...atEnd });
  withChain([]);
  t.match(scrape(), /^citadel_server_cert_chain_expiry_seconds NaN$/m, 'and not that of one that signs no more');
});

t.test('each code counts as one failure', async (t) => {
  for (const code of ERROR_CODES.filter((one) => one !== 'ERR_CANCELLED')) {
    const { ended, scrape } = scene();
    ended(code);
    const values = valuesOf(scrape());
    const counted = Object.keys(values).filter((name) => /(failure|sign_err)_count/.test(name) && values[name] === 1);
    t.equal(counted.length, 1, `${code}: ${counted}`);
  }
});

const CSR_ERROR = 'citadel_server_csr_sign_err_count{error="CSR_ERROR"}';
const FAILURE = 'citadel_server_authentication_failure_count';
/** By what Citadel tells the caller, which is what istiod tells. (reference: Istio 2.1) */
const COUNTED = [
  { code: 'ERR_TOKEN_MISSING', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_TOKEN_MALFORMED', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_TOKEN_EXPIRED', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_TOKEN_REFUSED', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_CLIENT_CERTIFICATE_REFUSED', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_IMPERSONATION_REFUSED', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_CERT_SIGNER_UNKNOWN', told: status.UNAUTHENTICATED, name: FAILURE },
  { code: 'ERR_KUBERNETES_UNAVAILABLE', told: status.UNAVAILABLE, name: FAILURE },
  { code: 'ERR_CSR_INVALID', told: status.INVALID_ARGUMENT, name: CSR_ERROR },
  { code: 'ERR_KEY_TYPE_UNSUPPORTED', told: status.INVALID_ARGUMENT, name: CSR_ERROR },
  { code: 'ERR_POLICY_REFUSED', told: status.INVALID_ARGUMENT, name: CSR_ERROR },
  { code: 'ERR_TTL_TOO_LONG', told: status.INVALID_ARGUMENT, name: CSR_ERROR.replace('CSR_E', 'TTL_E') },
  { code: 'ERR_CITADEL_NOT_READY', told: status.INTERNAL, name: CSR_ERROR.replace('CSR_ERROR', 'CA_NOT_READY') },
  { code: 'ERR_HOTPATH_FAILED', told: status.INTERNAL, name: CSR_ERROR.replace('CSR_ERROR', 'CERT_GEN_ERROR') },
  { code: 'ERR_CITADEL_OVERLOADED', told: status.RESOURCE_EXHAUSTED, name: CSR_ERROR.replace('CSR_ERROR', 'UNKNOWN') },
] as const;
for (const { code, told, name } of COUNTED) {
  t.test(`${code}, told as ${status[told]}, counts as ${name}`, async (t) => {
    const { ended, scrape } = scene();
    ended(code);
    t.equal(refusalOf(new IdentityError(code, 'reason')).code, told);
    t.equal(valuesOf(scrape())[name], 1);
  });
}

t.test('what is asked of istiod in Prometheus has an answer', { skip: !hasPromtool && 'no promtool' }, async (t) => {
  const { ended, scrape, withChain } = scene();
  withChain([signing.certificatePem.toString()]);
  const before = valuesOf(scrape());
  ended('OK', 60);
  ended('ERR_TOKEN_REFUSED', 30);
  ended('ERR_CSR_INVALID', 30);
  const after = valuesOf(scrape());
  const queries = [
    ['sum(rate(citadel_server_csr_count[1m]))', [{ value: 2 }]],
    ['sum(rate(citadel_server_success_cert_issuance_count[1m]))', [{ value: 1 }]],
    ['sum(rate(citadel_server_authentication_failure_count[1m]))', [{ value: 0.5 }]],
    [
      'sum by (error) (increase(citadel_server_csr_sign_err_count[1m])) > 0',
      [{ labels: '{error="CSR_ERROR"}', value: 30 }],
    ],
    ['min(citadel_server_root_cert_expiry_seconds) / 86400', [{ value: 10 }]],
    [
      '(citadel_server_cert_chain_expiry_timestamp - citadel_server_cert_chain_expiry_seconds)',
      [{ labels: '{instance="a"}', value: NOW_MS / 1000 }],
    ],
  ] as const;
  const test = {
    interval: '1m',
    input_series: Object.entries(before).map(([series, value]) => ({
      series: series.includes('{') ? series.replace('{', '{instance="a",') : `${series}{instance="a"}`,
      values: `${value} ${after[series]}`,
    })),
    promql_expr_test: queries.map(([expr, samples]) => ({
      ...{ expr, eval_time: '1m' },
      exp_samples: samples.map((sample) => ({ labels: '{}', ...sample })),
    })),
  };
  const file = join(shortDir(t), 'test.yaml');
  writeFileSync(file, JSON.stringify({ rule_files: [], evaluation_interval: '1m', tests: [test] }));
  const { status: code, stdout, stderr } = spawnSync(PROMTOOL, ['test', 'rules', file], { encoding: 'utf8' });
  t.equal(code, 0, `${stdout}${stderr}`);
});
