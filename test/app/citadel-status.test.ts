import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { openRoot, startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { openGrpcClient } from '../../src/net/grpc/index.js';
import { authorityDirectory } from '../support/authority-files.js';
import { CitadelCaller, SERVER_NAME } from '../support/citadel-caller.js';
import { openHotPath } from '../support/hot-path.js';
import { metricProblems } from '../support/metric-lint.js';
import { prometheusClient } from '../support/prometheus-client.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const DAY_MS = 86_400_000;

const hotPath = openHotPath();
const judge = prometheusClient();

const NO_CLUSTER = { kubeconfig: undefined, namespace: undefined };

t.test('a Citadel with a status page', { skip: judge.skip }, async (t) => {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const [jwks, rootOut] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const config = settings(COMMANDS.citadel, {
    ...{ listen: '127.0.0.1:0', jwks, 'token-issuer': issuer.issuer, 'root-cert-out': rootOut },
    'status-address': '127.0.0.1:0',
  });
  const logger = new RecordingLogger();
  let now = Date.now;
  const citadel = await startCitadel(config, { logger, now: () => now(), random: Math.random, nodeFlags: [] });
  t.teardown(() => citadel.close());
  const pages = new StatusReader(logger);
  const caller = new CitadelCaller(t, { address: citadel.address, rootPem: readFileSync(rootOut) });

  await t.test('counts its calls by how they ended, and its authority’s life', async (t) => {
    const { csrPem } = await hotPath.prepare({
      spiffeId: 'spiffe://cluster.local/ns/foo/sa/sleep',
      keyType: 'ec-p256',
    });
    const csr = csrPem.toString();
    const token = await issuer.token('foo', 'sleep');
    t.equal((await caller.call({ token, csr })).code, status.OK);
    t.equal((await caller.call({ csr })).code, status.UNAUTHENTICATED);
    const { text } = await pages.page('/metrics');
    t.strictSame(metricProblems(text), []);
    const families = judge.read(text);
    const samples = families.flatMap(([, , , found]) => found);
    const sample = (name: string, code?: string): number =>
      Number(samples.find(([found, labels]) => found === name && labels.code === code)?.[2]);
    t.equal(sample('sidecert_certificate_request_seconds_count', 'OK'), 1);
    t.equal(sample('sidecert_certificate_request_seconds_count', 'ERR_TOKEN_MISSING'), 1);
    t.equal(sample('sidecert_certificate_requests_in_flight'), 0);
    // By the names of Istio, too; this reader gives each counter the end of OpenMetrics.
    t.equal(sample('citadel_server_csr_count_total'), 2);
    t.equal(sample('citadel_server_success_cert_issuance_count_total'), 1);
    t.equal(sample('citadel_server_authentication_failure_count_total'), 1);
    const { validTo } = new X509Certificate(readFileSync(rootOut));
    t.equal(sample('citadel_server_root_cert_expiry_timestamp'), Date.parse(validTo) / 1000);
    const tenYears = 10 * 365 * 24 * 3600;
    t.ok(Math.abs(sample('sidecert_authority_expiry_seconds') - tenYears) < 600);
    t.ok(Math.abs(sample('sidecert_serving_certificate_expiry_seconds') - 24 * 3600) < 600);
    t.ok(
      samples.some(([name]) => name === 'sidecert_hotpath_run_seconds_count'),
      'and those of its threads',
    );
  });

  await t.test('counts connections and calls by names of its own, and those that are refused', async (t) => {
    const samplesNow = async (): Promise<Map<string, number>> => {
      const { text } = await pages.page('/metrics');
      t.strictSame(metricProblems(text), []);
      const samples = judge.read(text).flatMap(([, , , found]) => found);
      return new Map(
        samples.map(([name, labels, value]) => [[name, ...Object.values(labels)].join(' '), Number(value)]),
      );
    };
    const before = await samplesNow();
    const rootPem = readFileSync(rootOut);
    const client = openGrpcClient({ address: citadel.address, rootPem, serverName: SERVER_NAME });
    t.teardown(() => client.close());
    const unknown = client.unary('/no.Such/Method', Buffer.alloc(1), { deadlineMs: Date.now() + 10_000 });
    await t.rejects(unknown, { code: status.UNIMPLEMENTED });
    t.equal((await caller.call({ bytes: Buffer.alloc(1024 * 1024) })).code, status.RESOURCE_EXHAUSTED);
    const after = await samplesNow();
    const more = (name: string): number => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
    const refusals = [...after.keys()].filter((name) => name.startsWith('sidecert_citadel_calls_refused_total'));
    t.strictSame(Object.fromEntries(refusals.map((name) => [name.split(' ')[1], more(name)])), {
      ...{ too_many: 0, displaced: 0, memory: 0, misbehaved: 0, too_large: 1 },
      ...{ unfinished: 0, protocol: 0, unimplemented: 1 },
    });
    t.equal(more('sidecert_citadel_connections'), 1);
    t.equal(after.get('sidecert_citadel_calls service'), 0);
    t.equal(after.get('sidecert_citadel_held_bytes'), 0);
    t.equal(after.get('sidecert_citadel_connections_refused_total too_many'), 0);
    t.equal(after.get('sidecert_citadel_connections_ended_total protocol'), 0);
    t.notOk(
      [...after.keys()].some((name) => name.startsWith('sidecert_sds_')),
      'and none of an agent',
    );
    const [host = '', port] = citadel.address.split(':');
    const to = { host, port: Number(port), servername: SERVER_NAME };
    const broken = connectTls({ ...to, ca: rootPem, ALPNProtocols: ['h2'] });
    broken.on('error', () => {});
    broken.write('GET / HTTP/1.1\r\n\r\n');
    await once(broken.resume(), 'close');
    t.equal((await samplesNow()).get('sidecert_citadel_connections_ended_total protocol'), 1);
  });

  await t.test('shows its authority', async (t) => {
    const [{ fields } = { fields: {} as Record<string, unknown> }] = logger.of('signing authority created');
    t.match(await pages.status(), {
      trust_domain: 'cluster.local',
      authority: { serial: fields.serial, not_after: fields.not_after, bundle_size: 1 },
    });
  });

  await t.test('shows what it has issued and refused, to whom and why, and no token', async (t) => {
    const spiffeId = 'spiffe://cluster.local/ns/foo/sa/sleep';
    const [{ fields: issued } = { fields: {} as Record<string, unknown> }] = logger.of('certificate issued');
    const token = await issuer.token('foo', 'sleep');
    t.equal((await caller.call({ token, csr: 'no CSR' })).code, status.INVALID_ARGUMENT);
    const page = await pages.status();
    t.match(page, {
      recent_requests: {
        ...{ issued_count: 1, refused_count: 2 },
        issued: [{ spiffe_id: spiffeId, serial: issued.serial, not_after: issued.not_after, pod: issued.caller }],
        refused: [
          {
            ...{ code: 'ERR_CSR_INVALID', spiffe_id: spiffeId, count: 1, connection: issued.connection },
            claimed_subject: 'system:serviceaccount:foo:sleep',
          },
          { code: 'ERR_TOKEN_MISSING', reason: /token/, count: 1 },
        ],
      },
    });
    t.notOk(JSON.stringify(page).includes(token.split('.')[2] ?? token));
  });

  await t.test('row 79: is ready until its authority ends, and live after that', async (t) => {
    t.equal((await pages.page('/healthz/ready')).code, 200);
    now = () => Date.now() + 11 * 365 * 24 * 3_600_000;
    t.strictSame(await pages.page('/healthz/ready'), {
      ...{ code: 503, text: 'not ready: its signing certificate has expired\n' },
    });
    t.equal((await pages.page('/healthz/live')).code, 200);
  });
});

t.test('a Citadel tells how far the change of its root has come, and for how long it has not gone on', async (t) => {
  const root = TestCa.root('old', { notAfterMs: Date.now() + 30 * DAY_MS });
  const directory = authorityDirectory(t, { signer: root, roots: [root] });
  const jwks = join(shortDir(t), 'jwks.json');
  writeFileSync(jwks, JSON.stringify(new TokenIssuer().jwks));
  const config = settings(COMMANDS.citadel, {
    ...{ listen: '127.0.0.1:0', jwks, 'token-issuer': 'https://x', 'ca-dir': directory },
    'status-address': '127.0.0.1:0',
  });
  const logger = new RecordingLogger();
  const inFourDays = () => Date.now() + 4 * DAY_MS;
  const citadel = await startCitadel(config, { logger, now: inFourDays, random: Math.random, nodeFlags: [] });
  t.teardown(() => citadel.close());
  const pages = new StatusReader(logger);
  const ages = async () =>
    (await pages.page('/metrics')).text.match(/(?<=^sidecert_root_rotation_step_age_seconds)\S+ \d+/gm);
  t.strictSame(await ages(), ['{step="staged"} 0', '{step="active"} 0']);
  t.notOk(JSON.stringify(await pages.status()).includes('"root_change"'), 'there never was one');

  const opened = await openRoot({ ...NO_CLUSTER, directory }, [], {});
  const { record } = await opened.stage(settings(COMMANDS['root stage'], { 'ca-dir': directory }), Date.now());
  await citadel.reload?.();
  t.match(await pages.status(), { authority: { root_change: { step: 'staged', since: record.since } } });
  t.match(await ages(), [/^\{step="staged"\} 3456\d\d$/, '{step="active"} 0']);
});
