import { createPublicKey, X509Certificate } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { startCitadel } from '../support/citadel.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { openHotPath } from '../support/hot-path.js';
import { metricProblems } from '../support/metric-lint.js';
import { prometheusClient } from '../support/prometheus-client.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();
const judge = prometheusClient();

const SPIFFE_ID = 'spiffe://cluster.local/ns/foo/sa/sleep';

/** Nobody listens there. */
const NOBODY = '127.0.0.1:1';

interface AgentFiles {
  readonly caAddress: string;
  readonly rootPem: Buffer | string;
  readonly token: string;
}

/** An agent with a status page, and all that it says. */
async function startAgentWithPage(t: Test, { caAddress, rootPem, token }: AgentFiles, flags = {}) {
  const directory = shortDir(t);
  const file = (name: string, content: Buffer | string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const socket = join(directory, 'sds.sock');
  const config = settings(COMMANDS.agent, {
    ...{ socket, 'status-address': '127.0.0.1:0', 'ca-address': caAddress, 'ca-root': file('root.pem', rootPem) },
    ...{ 'token-file': file('token', token), namespace: 'foo', 'service-account': 'sleep' },
    ...flags,
  });
  const logger = new RecordingLogger();
  const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => agent.close());
  return { agent, logger, pages: new StatusReader(logger), socket };
}

async function startAgentAndCa(t: Test, flags = {}) {
  const citadel = await startCitadel(t, hotPath);
  const token = await citadel.issuer.token('foo', 'sleep');
  const files = { caAddress: citadel.address, rootPem: citadel.rootPem, token };
  return { citadel, token, ...(await startAgentWithPage(t, files, flags)) };
}

t.test('row 79: without leaf and bundle it is not ready, says what is missing, and is live all the same', async (t) => {
  const { rootPem } = await startCitadel(t, hotPath);
  const token = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2ln';
  const { logger, pages, socket } = await startAgentWithPage(t, { caAddress: NOBODY, rootPem, token });
  t.ok(statSync(socket).isSocket(), 'the page is there only once the socket is');
  t.strictSame(await pages.page('/healthz/ready'), {
    ...{ code: 503, text: 'not ready: there is no valid certificate with its trust bundle\n' },
  });
  t.strictSame(await pages.page('/healthz/live'), { code: 200, text: 'live\n' });
  await logger.until('no valid svid');
  const identity = async (): Promise<Record<string, unknown>> => {
    const { identities } = (await pages.status()) as { identities: [Record<string, unknown>] };
    return identities[0];
  };
  let shown = await identity();
  // An attempt that is under way has no time.
  while (shown.next_renewal === undefined) shown = await identity();
  t.match(shown, { spiffe_id: SPIFFE_ID, svid: 'none', next_renewal: /^20/, last_failure: { error: /./ } });
  t.ok(Number(shown.failed_renewals) >= 1);
  for (const page of ['/status', '/metrics']) t.notMatch((await pages.page(page)).text, /eyJ/, 'and never the token');
});

t.test('row 79: with socket, leaf and bundle it is ready, and stays so while the CA is down', async (t) => {
  const { citadel, logger, pages } = await startAgentAndCa(t);
  await logger.until('svid issued');
  const { ca } = (await pages.status()) as { ca: Record<string, unknown> };
  t.match(ca, { address: citadel.address, tls_version: 'TLSv1.3' }, 'how it speaks to the CA');
  t.strictSame(await pages.page('/healthz/ready'), { code: 200, text: 'ready\n' });
  await citadel.close();
  t.strictSame(await pages.page('/healthz/ready'), { code: 200, text: 'ready\n' });
});

t.test('the status shows what runs, each identity by the names of the log, and no secret', async (t) => {
  const { agent, logger, pages, token } = await startAgentAndCa(t, { 'hot-path': 'js' });
  const { fields } = await logger.until('svid issued');
  const client = openSdsClient(t, agent.address);
  client.request({ names: ['default'] });
  const response = await client.expectResponse();
  const key = Buffer.from(response.secrets[0]?.tlsCertificate?.privateKey?.inlineBytes ?? []).toString();
  const chain = response.secrets[0]?.tlsCertificate?.certificateChain?.inlineBytes ?? '';
  const status = await pages.status();
  t.match(status, {
    ...{ version: '0.1.0', node: process.versions.node, openssl: /^3/, hot_path: 'js', mode: 'sidecar' },
    sds: { connections: 1, streams: 1, names: [{ name: 'default', version: response.version }] },
    identity_count: 1,
    identities: [
      {
        ...{ spiffe_id: SPIFFE_ID, svid: 'valid', serial: fields.serial, not_after: fields.not_after },
        ...{ next_renewal: fields.rotate_at, failed_renewals: 0 },
      },
    ],
  });
  const [{ not_before }] = status.identities as [{ not_before: string }];
  t.equal(Date.parse(new X509Certificate(chain).validFrom), Date.parse(not_before));
  t.match(key, /BEGIN PRIVATE KEY/);
  // The key file ends with the public half, which the certificate has, too.
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const isPrivate = (line: string): boolean => line.length > 20 && !publicKey.includes(Buffer.from(line, 'base64'));
  const lines = key.split('\n').filter(isPrivate);
  t.ok(lines.length >= 3, 'the line with the private half is among them');
  const secrets = [token, ...token.split('.'), ...lines];
  for (const page of ['/status', '/metrics']) {
    const { text } = await pages.page(page);
    for (const secret of secrets) t.notOk(text.includes(secret), `row 77: no key or token on ${page}`);
  }
});

t.test('the status has the public half of what is served, the token in words, the Envoys and the past', async (t) => {
  const { agent, logger, pages, citadel } = await startAgentAndCa(t);
  await logger.until('svid issued');
  const client = openSdsClient(t, agent.address);
  client.request({ names: ['default'], nodeId: 'sidecar~1' });
  const response = await client.expectResponse();
  client.nack(response, 'Failed to load private key');
  await logger.until('sds secret rejected by its proxy');
  const status = (await pages.status()) as unknown as {
    readonly identities: readonly [
      { readonly serial: string; readonly bundle_version: string; readonly chain: readonly [string] },
    ];
    readonly bundles: readonly [{ readonly version: string }];
  };
  const root = new X509Certificate(citadel.rootPem);
  const fingerprint = root.fingerprint256.replaceAll(':', '').toLowerCase();
  t.match(status, {
    ...{ now: /^20/, trust_domain: 'cluster.local' },
    identities: [
      {
        ...{
          sans: [`URI:${SPIFFE_ID}`],
          key_type: 'ec prime256v1',
          key_usage: ['digitalSignature', 'keyEncipherment'],
        },
        ...{
          extended_key_usage: ['serverAuth', 'clientAuth'],
          not_before: /^20/,
          certificate_version: response.version,
        },
        token: { iss: /./, sub: 'system:serviceaccount:foo:sleep', aud: [/./], expires: /^20/ },
      },
    ],
    bundles: [{ root_count: 1, roots: [{ fingerprint, der: root.raw.toString('base64') }] }],
    sds: {
      ...{ socket: { path: agent.address, mode: '0660', uid: process.getuid?.() }, last_connection: /^20/ },
      ...{ subscriber_count: 1, subscribers_left_out: 0 },
      subscribers: [
        {
          ...{ node_id: 'sidecar~1', streams: 1, connections: [{ pid: process.pid, uid: process.getuid?.() }] },
          names: [{ name: 'default', state: 'rejected', last_rejection: { error: 'Failed to load private key' } }],
        },
      ],
    },
    history: {
      bundles: [{ trust_domain: 'cluster.local', added: [{ fingerprint }], removed: [] }],
      leaves: [{ spiffe_id: SPIFFE_ID, serial: status.identities[0].serial }],
      rejections: [{ node_id: 'sidecar~1', names: ['default'] }],
    },
  });
  const leaf = new X509Certificate(Buffer.from(status.identities[0].chain[0], 'base64'));
  t.ok(leaf.verify(root.publicKey));
  t.equal(status.bundles[0].version, status.identities[0].bundle_version);
});

t.test('the status shows a renewal at the share of the life that was asked for', async (t) => {
  const { logger, pages } = await startAgentAndCa(t, { 'renew-at': '0.25', ttl: '10h' });
  const { fields } = await logger.until('svid issued');
  const { identities } = (await pages.status()) as { identities: [{ next_renewal: string; not_after: string }] };
  const { next_renewal, not_after } = identities[0];
  t.equal(next_renewal, fields.rotate_at);
  const leftHours = (Date.parse(not_after) - Date.parse(next_renewal)) / 3600_000;
  t.ok(leftHours > 7.2 && leftHours < 7.8, `${leftHours} h of 10 h are left`);
});

t.test('the status and the metrics show that the CA gives lives too short for the outage to survive', async (t) => {
  // A certificate is renewed before its issuers expire: these outlive it.
  const life = { notAfterMs: Date.now() + 48 * 3600_000 };
  const root = TestCa.root('test root', life);
  const ca = await FakeCaServer.start(t, { root });
  ca.fault = { kind: 'issues', lifeMs: 24 * 3600_000, signer: root.intermediate('test intermediate', life) };
  const token = await new TokenIssuer().token('foo', 'sleep');
  for (const { outage, survives } of [
    { outage: '20h', survives: true },
    { outage: '24h', survives: false },
  ]) {
    const files = { caAddress: ca.address, rootPem: ca.rootPem, token };
    const flags = { 'survive-ca-outage': outage, ttl: '28h' };
    const { logger, pages } = await startAgentWithPage(t, files, flags);
    await logger.until('svid issued');
    const { identities } = (await pages.status()) as { identities: [Record<string, unknown>] };
    t.equal(identities[0].survives_ca_outage, survives);
    const { text } = await pages.page('/metrics');
    t.match(text, new RegExp(`^sidecert_identities_below_outage_target ${survives ? 0 : 1}$`, 'm'));
    t.match(text, new RegExp(`^sidecert_svid_outage_tolerance_seconds ${identities[0].outage_tolerance_seconds}`, 'm'));
  }
});

t.test('the metrics tell of identities, CA, streams, hot path and process', { skip: judge.skip }, async (t) => {
  const { agent, logger, pages } = await startAgentAndCa(t);
  await logger.until('svid issued');
  const client = openSdsClient(t, agent.address);
  const another = client.another();
  for (const stream of [client, another]) {
    stream.request({ names: ['default'] });
    stream.ack(await stream.expectResponse());
  }
  const { text } = await pages.page('/metrics');
  t.strictSame(metricProblems(text), []);
  const families = judge.read(text);
  const values = new Map(
    families.flatMap(([, , , samples]) =>
      samples.map(([name, labels, value]) => [`${name} ${Object.values(labels)}`, Number(value)]),
    ),
  );
  const expected = {
    'sidecert_identities valid': 1,
    'sidecert_identities none': 0,
    'sidecert_svid_issues_total renewal,OK': 1,
    'sidecert_ca_request_seconds_count OK': 1,
    'sidecert_sds_connections ': 1,
    'sidecert_sds_streams StreamSecrets': 2,
    'sidecert_sds_responses_total default': 2,
    [`sidecert_hotpath_info ${logger.of('hot path chosen')[0]?.fields.mode}`]: 1,
    [`sidecert_build_info 0.1.0,${process.versions.node},${process.versions.openssl}`]: 1,
  };
  for (const [name, value] of Object.entries(expected)) t.equal(values.get(name), value, name);
  const between = (name: string, low: number, high: number): void => {
    const value = values.get(name) ?? Number.NaN;
    t.ok(low <= value && value <= high, `${name}: ${value}`);
  };
  between('sidecert_svid_expiry_seconds ', 86_000, 86_400);
  const tenYears = 10 * 365 * 24 * 3600;
  between('sidecert_trust_bundle_expiry_seconds ', tenYears - 1000, tenYears);
  between('process_cpu_seconds_total ', 0.01, 1000);
  between('process_resident_memory_bytes ', 2e7, 2e9);
  between('process_start_time_seconds ', Date.now() / 1000 - 1000, Date.now() / 1000);
  for (const percentile of [50, 99, 100]) between(`sidecert_event_loop_delay_seconds ${percentile}`, 0, 10);
});

t.test('row 69: whatever peers ask for, there is no new series', { skip: judge.skip }, async (t) => {
  const { agent, logger, pages } = await startAgentAndCa(t);
  await logger.until('svid issued');
  const seriesNow = async (): Promise<string[]> =>
    judge
      .read((await pages.page('/metrics')).text)
      .flatMap(([, , , samples]) => samples.map(([name, labels]) => `${name} ${JSON.stringify(labels)}`));
  const ask = async (name: string): Promise<void> => {
    const client = openSdsClient(t, agent.address, { authorization: `Bearer ${name}`, 'x-tenant': name });
    client.request({ names: [name, 'default'], nodeId: name });
    client.nack(await client.expectResponse(), name);
    await client.expectSilence();
  };
  // The first refusal of a configured name has a series of its own.
  await ask('random');
  const before = await seriesNow();
  for (let i = 0; i < 50; i += 1) await ask(`random-${i}-${Math.random()}`);
  t.strictSame(await seriesNow(), before);
});
