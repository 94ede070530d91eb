import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { CitadelCaller } from '../support/citadel-caller.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { openHotPath } from '../support/hot-path.js';
import { officialOtlp, readAsOfficialOtlp } from '../support/official-otlp.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { SecretHunt } from '../support/secret-hunt.js';
import { shortDir } from '../support/short-dir.js';
import { SLEEP, startSidecarAgent, untilAll } from '../support/sidecar-agent.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { type CollectedSpan, TraceCollector } from '../support/trace-collector.js';

const RPC = 'istio.v1.auth.IstioCertificateService/CreateCertificate';

/** (OpenTelemetry, trace.proto, Span.SpanKind) */
const SERVER = 2;

/** An agent and a Citadel as processes, both with a collector. */
async function startBoth(t: Test, collector: string, flags: { agent?: string[]; citadel?: string[] } = {}) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer();
  const token = await issuer.token('foo', 'sleep');
  writeFileSync(file('jwks.json'), JSON.stringify(issuer.jwks));
  writeFileSync(file('token'), token);
  const citadel = new SidecertProcess(t, [
    ...['citadel', '--listen', '127.0.0.1:0', '--jwks', file('jwks.json'), '--token-issuer', issuer.issuer],
    ...['--root-cert-out', file('root.pem'), '--trail-dir', file('trail'), '--otlp-endpoint', collector],
    ...(flags.citadel ?? []),
  ]);
  const address = await citadel.address();
  const agent = new SidecertProcess(t, [
    ...['agent', '--socket', file('s'), '--ca-address', address, '--ca-root', file('root.pem')],
    ...['--token-file', file('token'), '--namespace', 'foo', '--service-account', 'sleep'],
    ...['--otlp-endpoint', `${collector}/`, ...(flags.agent ?? [])],
  ]);
  await agent.says('"agent ready"');
  const ended = async (process: SidecertProcess): Promise<void> => {
    process.kill('SIGTERM');
    t.equal(await process.ended, 0);
  };
  const caller = () => new CitadelCaller(t, { address, rootPem: readFileSync(file('root.pem')) });
  return {
    agent,
    citadel,
    socket: file('s'),
    token,
    caller,
    endBoth: () => Promise.all([ended(agent), ended(citadel)]),
  };
}

/** An Envoy that has its certificate. */
async function served(t: Test, socket: string): Promise<SdsClient> {
  const stream = openSdsClient(t, socket);
  stream.request({ names: ['default', 'ROOTCA'], nodeId: 'test' });
  await untilAll(stream, 2);
  return stream;
}

/** The first span of an agent's issuance and the call at Citadel end last of all, and are sent behind the others. */
async function untilBoth(collector: TraceCollector): Promise<void> {
  await collector.until(() => collector.named('svid.issue').length > 0);
  await collector.until(() => collector.named(RPC).some(({ kind }) => kind === SERVER));
}

function childrenOf(spans: readonly CollectedSpan[], parent: CollectedSpan | undefined): CollectedSpan[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId);
}

t.test('one issuance is one trace, from the request of the agent to the trail of Citadel', async (t) => {
  const collector = await TraceCollector.start(t);
  const { agent, citadel, socket, endBoth } = await startBoth(t, collector.url);
  await served(t, socket);
  await untilBoth(collector);
  await endBoth();
  const { spans } = collector;
  const [issue] = collector.named('svid.issue');
  t.match(issue, {
    ...{ parentSpanId: '', kind: 1, isFailed: false },
    attributes: { 'sidecert.spiffe_id': SLEEP, 'sidecert.issue_for': 'renewal', 'k8s.namespace.name': 'foo' },
    resource: { 'service.name': 'sidecert-agent', 'k8s.namespace.name': 'foo' },
  });
  t.same(new Set(spans.map(({ traceId }) => traceId)), new Set([issue?.traceId]));
  const parts = childrenOf(spans, issue).map(({ name }) => name);
  t.strictSame(parts.slice(0, 4), ['svid.wait', 'svid.key_and_csr', 'svid.certify', 'svid.prove']);
  const [certify] = collector.named('svid.certify');
  const [client, ...otherClients] = childrenOf(spans, certify);
  t.strictSame(otherClients, []);
  t.match(client, {
    ...{ name: RPC, kind: 3, isFailed: false },
    attributes: {
      ...{ 'rpc.system': 'grpc', 'rpc.service': 'istio.v1.auth.IstioCertificateService' },
      ...{ 'rpc.method': 'CreateCertificate', 'rpc.grpc.status_code': 0, 'server.address': '127.0.0.1' },
      'sidecert.attempt': 1,
    },
  });
  const [server] = childrenOf(spans, client);
  t.match(server, {
    ...{ name: RPC, kind: 2, isFailed: false },
    attributes: { 'rpc.grpc.status_code': 0, 'client.address': '127.0.0.1', 'sidecert.spiffe_id': SLEEP },
    resource: { 'service.name': 'sidecert-citadel' },
  });
  const names = childrenOf(spans, server).map(({ name }) => name);
  t.strictSame(names, ['citadel.authenticate', 'citadel.policy', 'citadel.sign', 'citadel.trail']);
  t.match(collector.named('citadel.authenticate')[0]?.attributes, {
    'sidecert.authenticated_by': new TokenIssuer().issuer,
  });
  for (const span of spans) t.ok(span.end >= span.start && span.start > 1_600_000_000_000_000_000n, span.name);
  const traceId = `"trace_id":"${issue?.traceId}"`;
  t.match(await agent.says('"svid issued"'), traceId);
  t.match(await citadel.says('"certificate issued"'), traceId);
});

t.test('the official definitions read what a real issuance sends, and all of it', officialOtlp(), async (t) => {
  const collector = await TraceCollector.start(t);
  const { socket, endBoth } = await startBoth(t, collector.url);
  await served(t, socket);
  await untilBoth(collector);
  await endBoth();
  const read = readAsOfficialOtlp(collector.bodies);
  t.ok(read.length >= 2);
  for (const { request, hasUnknownFields } of read) {
    t.notOk(hasUnknownFields);
    t.match(request, { resourceSpans: [{ scopeSpans: [{ scope: { name: 'sidecert' } }] }] });
  }
});

t.test('the push of a new certificate is a part of its trace, and ends with the last ACK', async (t) => {
  const collector = await TraceCollector.start(t);
  const ca = await FakeCaServer.start(t);
  const flags = { 'otlp-endpoint': collector.url, ttl: '3s', 'renew-at': '0.1' };
  ca.fault = { kind: 'issues', lifeMs: 6000 };
  const { connect, close, logger } = await startSidecarAgent(t, { ca, flags });
  const stream = connect();
  stream.request({ names: ['default'], nodeId: 'test' });
  for (let count = 0; count < 2; count += 1) stream.ack(await stream.expectResponse());
  await logger.until('svid rotated');
  await collector.until(() => collector.named('svid.push').length > 0);
  await close();
  const [push] = collector.named('svid.push');
  t.match(push, { isFailed: false, attributes: { 'sidecert.resource_name': 'default' } });
  const parent = collector.named('svid.issue').find(({ spanId }) => spanId === push?.parentSpanId);
  t.equal(push?.traceId, parent?.traceId);
});

t.test('each attempt is a span with its status, and the line of a failed renewal leads to its trace', async (t) => {
  const collector = await TraceCollector.start(t);
  const ca = await FakeCaServer.start(t);
  ca.faults.push({ kind: 'reject', code: status.UNAVAILABLE }, { kind: 'reject', code: status.UNAUTHENTICATED });
  const { logger, close } = await startSidecarAgent(t, { ca, flags: { 'otlp-endpoint': collector.url } });
  const { fields } = await logger.until('no valid svid');
  await collector.until(() => collector.named('svid.issue').some(({ traceId }) => traceId === fields.trace_id));
  await close();
  const failed = collector.spans.filter(({ traceId }) => traceId === fields.trace_id);
  t.match(
    failed.filter(({ name }) => name === RPC),
    [
      { isFailed: true, attributes: { 'rpc.grpc.status_code': 14, 'error.type': 'ERR_CA_UNAVAILABLE' } },
      { isFailed: true, attributes: { 'rpc.grpc.status_code': 16, 'error.type': 'ERR_CA_REFUSED_TOKEN' } },
    ],
  );
  t.match(
    failed.filter(({ name }) => name === 'svid.issue'),
    [{ isFailed: true, attributes: { 'error.type': 'ERR_CA_REFUSED_TOKEN' } }],
  );
  const [first, second] = ca.calls.map(({ headers }) => String(headers.traceparent));
  t.match(first, new RegExp(`^00-${fields.trace_id}-[0-9a-f]{16}-01$`));
  t.not(first, second);
});

t.test('the proof of a token that a stream brings is a trace, too', async (t) => {
  const collector = await TraceCollector.start(t);
  const flags = { 'otlp-endpoint': collector.url, 'token-source': 'stream' };
  const { connect, close } = await startSidecarAgent(t, { flags });
  const stream = connect({ authorization: `Bearer ${await new TokenIssuer().token('foo', 'sleep')}` });
  stream.request({ names: ['default', 'ROOTCA'], nodeId: 'test' });
  await untilAll(stream, 2);
  await collector.until(() => collector.named('svid.issue').length > 0);
  await close();
  const [proof] = collector.named('svid.issue');
  t.match(proof, { isFailed: false, attributes: { 'sidecert.issue_for': 'proof' } });
  t.match(
    childrenOf(collector.spans, proof).map(({ name }) => name),
    ['svid.wait', 'svid.key_and_csr', 'svid.certify', 'svid.prove'],
  );
});

t.test('without a collector a call says nothing of a trace, and the log neither', async (t) => {
  const { ca, ask, logger } = await startSidecarAgent(t);
  await ask('default', 'ROOTCA');
  t.equal(ca.calls[0]?.headers.traceparent, undefined);
  t.equal(logger.of('svid issued')[0]?.fields.trace_id, undefined);
});

t.test('what is not sampled is not sent, and the CA is told so', async (t) => {
  const collector = await TraceCollector.start(t);
  const flags = { 'otlp-endpoint': collector.url, 'trace-ratio': '0' };
  const { ca, ask, logger, close } = await startSidecarAgent(t, { flags });
  await ask('default', 'ROOTCA');
  await close();
  t.match(ca.calls[0]?.headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  t.equal(logger.of('svid issued')[0]?.fields.trace_id, undefined);
  t.strictSame(collector.bodies, []);
});

for (const { name, url } of [
  { name: 'hangs', url: 'hang' },
  { name: 'is away', url: 'http://127.0.0.1:1' },
]) {
  t.test(`with a collector that ${name} certificates are issued and pushed all the same`, async (t) => {
    const collector = await TraceCollector.start(t);
    collector.answer = 'hang';
    const { agent, citadel, socket, endBoth } = await startBoth(t, url === 'hang' ? collector.url : url);
    await served(t, socket);
    await agent.says('"svid issued"');
    await citadel.says('"certificate issued"');
    await endBoth();
  });
}

t.test('a caller gets no trace by what is no traceparent, and none beyond the ratio by one that is', async (t) => {
  const collector = await TraceCollector.start(t);
  const { caller, token, citadel, endBoth } = await startBoth(t, collector.url, {
    agent: ['--trace-ratio', '0'],
    citadel: ['--trace-ratio', '0.25'],
  });
  const csr = (await openHotPath().prepare({ spiffeId: SLEEP, keyType: 'ec-p256' })).csrPem.toString();
  const peer = caller();
  const traceId = 'ab'.repeat(16);
  for (let count = 0; count < 40; count += 1) {
    const traceparent = `00-${traceId}-${'cd'.repeat(8)}-01`;
    t.equal((await peer.call({ token, csr, metadata: { traceparent } })).code, status.OK);
  }
  t.equal((await peer.call({ token, csr, metadata: { traceparent: `00-${'x'.repeat(9000)}` } })).code, status.OK);
  await citadel.says('"certificate issued"');
  await collector.until(() => collector.named(RPC).some((span) => span.traceId === traceId));
  await endBoth();
  const forced = collector.named(RPC).filter((span) => span.traceId === traceId);
  t.ok(forced.length >= 1 && forced.length <= 11, `${forced.length}`);
});

t.test('what is sent holds no key, no token and no CSR, whatever fails', async (t) => {
  const collector = await TraceCollector.start(t);
  const ca = await FakeCaServer.start(t);
  const { socket, tokenFile, close, ask, logger } = await startSidecarAgent(t, {
    ca,
    flags: { 'otlp-endpoint': collector.url },
  });
  const { response } = await ask('default', 'ROOTCA');
  await collector.until(() => collector.named('svid.issue').length > 0);
  await close();
  const both = await startBoth(t, collector.url);
  await served(t, both.socket);
  const csr = (await openHotPath().prepare({ spiffeId: SLEEP, keyType: 'ec-p256' })).csrPem.toString();
  const forged = `${both.token.slice(0, -8)}AAAAAAAA`;
  t.equal((await both.caller().call({ token: forged, csr })).code, status.UNAUTHENTICATED);
  t.equal(
    (await both.caller().call({ token: both.token, csr: `${csr.slice(0, 90)}\n` })).code,
    status.INVALID_ARGUMENT,
  );
  await collector.until(() => collector.named('svid.issue').length >= 2);
  // Of Citadel one of a certificate and two that it refuses; a slow machine may need more tries.
  const answers = () => collector.named(RPC).filter(({ kind }) => kind === SERVER);
  const codes = () => new Set(answers().map(({ attributes }) => attributes['rpc.grpc.status_code']));
  await collector.until(() =>
    [status.OK, status.UNAUTHENTICATED, status.INVALID_ARGUMENT].every((c) => codes().has(c)),
  );
  await both.endBoth();
  const hunt = new SecretHunt();
  for (const { tlsCertificate } of response.secrets) {
    const key = tlsCertificate?.privateKey?.inlineBytes;
    if (key) hunt.addPrivateKey('key', Buffer.from(key));
  }
  hunt.addToken('token of the file', readFileSync(tokenFile, 'latin1').trim());
  hunt.addToken('token', both.token);
  hunt.addToken('forged token', forged);
  t.strictSame(hunt.names, ['key', 'token of the file', 'token', 'forged token']);
  const sent = Buffer.concat(collector.bodies);
  const text = [sent.toString('latin1'), sent.toString('hex'), JSON.stringify(collector.spans, bigints)].join('\n');
  t.strictSame(hunt.findIn(text), []);
  for (const one of [csr, ...ca.calls.map((call) => call.csr)]) {
    const [, body = ''] = one.split('\n');
    t.ok(body.length > 40);
    t.notOk(text.includes(body.slice(0, 40)) || text.includes(Buffer.from(body, 'base64').toString('hex')), socket);
  }
  t.notMatch(logger.text, /PRIVATE KEY/);
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
