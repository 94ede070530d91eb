import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { errorCodeOf, IdentityError } from '../../src/errors/index.js';
import { requireOpenFiles } from '../../src/fleet/open-file-limit.js';
import { serveSds } from '../agent/sds/serve.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { endCall, framed, serveHttp2, unframed } from './call-peer.js';
import { officialXds } from './official-xds.js';
import { fleetOn } from './run.js';
import { anyOf, bundleSecret, SECRET_TYPE_URL, SLEEP_ID, svidSecret } from './secrets.js';

const ca = TestCa.root();
const xds = officialXds();
const HOUR_MS = 3_600_000;

const first = () => ({ default: svidSecret(ca), ROOTCA: bundleSecret(ca.certificatePem) });
/** The same identity, newer with each call. */
const next = (hours: number) => ({ default: svidSecret(ca, { notAfterMs: Date.now() + (1 + hours) * HOUR_MS }) });

t.test('200 Envoys with requests of 55 kB get their secrets and two rotations from our SDS server', async (t) => {
  const { path, source } = await serveSds(t);
  source.setSecrets(first());
  const onMilestone = (text: string): void => {
    if (text.startsWith('all 400')) source.setSecrets(next(1));
    if (text.startsWith('rotation 1 ')) source.setSecrets(next(2));
  };
  const { report, html } = await fleetOn(
    t,
    path,
    { envoys: 200, rotations: 2, firstRequestBytes: 55_000 },
    { onMilestone },
  );
  t.match(report, {
    outcome: 'done',
    isClean: true,
    streams: 400,
    unserved: 0,
    refusedConnects: 0,
    firstSecretMs: { count: 400 },
    rotations: [
      { secret: 'default', number: 1, streams: 200, reached: 200, skipped: 0 },
      { secret: 'default', number: 2, streams: 200, reached: 200, skipped: 0 },
    ],
    errors: {},
    checks: { checked: 800, distinct: 4, problems: {} },
    pushes: 800,
  });
  const page = await html();
  t.match(page, /^<!doctype html>[\s\S]*<svg [\s\S]*default #2, stream by stream[\s\S]*<\/html>\n$/);
  t.notMatch(page, /<script|src=|href=/, 'the page needs nothing else');
});

t.test('with a connection per stream each secret comes over its own', async (t) => {
  const { path, source } = await serveSds(t);
  source.setSecrets(first());
  const { report } = await fleetOn(t, path, { connections: 'per-stream' });
  t.match(report, { isClean: true, streams: 20, unserved: 0 });
  t.equal(new Set(source.callers.map(({ connection }) => connection)).size, 20);
});

t.test('each Envoy sends its own token, and is held to its identity', async (t) => {
  const issuer = new TokenIssuer();
  const directory = join(shortDir(t), 'tokens');
  mkdirSync(directory);
  writeFileSync(join(directory, '1'), `${await issuer.token('foo', 'sleep')}\n`);
  writeFileSync(join(directory, '2'), `${await issuer.token('foo', 'httpbin')}\n`);
  const { path, source } = await serveSds(t);
  source.setSecrets(first());
  const { report } = await fleetOn(t, path, { envoys: 2, tokensDirectory: directory });
  t.equal(new Set(source.callers.flatMap(({ authorization }) => authorization)).size, 2);
  t.strictSame(report.checks.problems, { 'another identity': 1 }, 'the second got the secret of the first');
  t.notOk(report.isClean);
});

t.test('fewer tokens than Envoys, or none that can be read, is an error of the settings', async (t) => {
  const directory = shortDir(t);
  const code = (changes: object) => fleetOn(t, '/nowhere', changes).then(() => 'none', errorCodeOf);
  t.equal(await code({ tokensDirectory: directory }), 'ERR_CONFIG_INVALID');
  t.equal(await code({ tokensDirectory: join(directory, 'missing') }), 'ERR_CONFIG_INVALID');
  t.equal(await code({ tokenFile: directory }), 'ERR_CONFIG_INVALID');
  writeFileSync(join(directory, 'two-lines'), 'a\nb');
  t.equal(await code({ tokenFile: join(directory, 'two-lines') }), 'ERR_CONFIG_INVALID');
});

t.test('a limit of open files that is too low is told with the number that is needed', async (t) => {
  t.doesNotThrow(() => requireOpenFiles(10));
  t.throws(() => requireOpenFiles(5000, 1024), {
    code: 'ERR_CONFIG_INVALID',
    message: /got a limit of 1024.*ulimit -n 5064/,
  });
});

t.test('a socket that nobody listens on is told before any Envoy starts', async (t) => {
  const directory = shortDir(t);
  const nobody = join(directory, 'none');
  await t.rejects(fleetOn(t, nobody), {
    code: 'ERR_CONFIG_INVALID',
    message: `--socket: got "${nobody}", expected a socket that a server listens on: connect ENOENT ${nobody}`,
  });
  const noSocket = join(directory, 'file');
  writeFileSync(noSocket, '');
  await t.rejects(fleetOn(t, noSocket), { code: 'ERR_CONFIG_INVALID', message: /expected a socket .* ECONNREFUSED/ });
});

t.test('connects are counted as refused when the server goes', async (t) => {
  const endpoint = await SdsEndpoint.start(t, join(shortDir(t), 'sds'));
  endpoint.source.setSecrets(first());
  const onMilestone = (): void => void endpoint.stop();
  const { report } = await fleetOn(t, endpoint.socketPath, { rotations: 1, timeoutMs: 5000 }, { onMilestone });
  t.match(report, { outcome: 'timeout', isClean: false, unserved: 0, rotations: [] });
  t.equal(report.refusedConnects, report.errors['connect ENOENT']?.count);
});

const refusals = [
  { name: 'without a token', tokens: false, advice: '; --tokens and --token-file give the Envoys tokens' },
  { name: 'with one that is not good', tokens: true, advice: '' },
];
for (const { name, tokens, advice } of refusals) {
  t.test(`a server that refuses all streams ${name} ends the run at once, with the reason`, async (t) => {
    const { path } = await serveHttp2(t, (stream) =>
      endCall(stream, { 'grpc-status': '16', 'grpc-message': 'no%20token' }),
    );
    const tokenFile = join(shortDir(t), 'token');
    writeFileSync(tokenFile, 'a.b.c');
    const told: string[] = [];
    const onMilestone = (text: string): void => void told.push(text);
    const { report } = await fleetOn(t, path, { ...(tokens && { tokenFile }) }, { onMilestone });
    t.match(report, { outcome: 'refused', isClean: false, unserved: 20 });
    t.strictSame(told, [`the server refuses all streams: status UNAUTHENTICATED: no token${advice}`]);
  });
}

t.test('a stream that ends is counted by its status, and opened again', async (t) => {
  let calls = 0;
  const { path } = await serveHttp2(t, (stream) => {
    calls += 1;
    if (calls === 1) endCall(stream, { 'grpc-status': '14', 'grpc-message': 'not%20yet' });
    else answer(stream, first());
  });
  const { report } = await fleetOn(t, path, { envoys: 1, streams: ['default'] });
  t.match(report, { unserved: 0, errors: { 'status UNAVAILABLE': { count: 1, first: 'not yet' } } });
  t.notOk(report.isClean);
});

t.test('incremental xDS is spoken too', async (t) => {
  const seen: Record<string, unknown>[] = [];
  const { path } = await serveHttp2(t, (stream, headers) => {
    t.equal(headers[':path'], '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets');
    answer(stream, first(), { isDelta: true, onRequest: (request) => seen.push(request) });
  });
  const { report } = await fleetOn(t, path, { envoys: 1, streams: ['default'], delta: true });
  t.match(report, { isClean: true, unserved: 0 });
  t.match(seen, [
    { resourceNamesSubscribe: ['default'], responseNonce: '', node: { cluster: 'fleet' } },
    { resourceNamesSubscribe: [], responseNonce: 'nonce-1', errorDetail: null, node: null },
  ]);
});

const misbehaviours = [
  { kind: 'nack', want: [{ responseNonce: 'nonce-1', versionInfo: '', errorDetail: { code: 13 } }] },
  { kind: 'slow', want: [{ responseNonce: 'nonce-1', versionInfo: 'version-1', errorDetail: null }] },
  { kind: 'silent', want: [] },
] as const;
// By the addon where it is, and without it.
for (const { kind, want, hotPath } of misbehaviours.flatMap((one) => [
  { ...one, hotPath: 'auto' as const },
  { ...one, hotPath: 'js' as const },
])) {
  t.test(`of two Envoys one is ${kind}, and the other is measured (${hotPath})`, async (t) => {
    const answers = new Map<string, Record<string, unknown>[]>();
    const { path } = await serveHttp2(t, (stream) => {
      let nodeId = '';
      answer(stream, first(), {
        onRequest: (request) => {
          nodeId ||= String((request.node as { id: string }).id);
          const requests = answers.get(nodeId) ?? [];
          answers.set(nodeId, [...requests, request]);
        },
      });
    });
    const misbehave = { kind, share: 0.5 };
    const changes = { envoys: 2, streams: ['default'], misbehave, hotPath, durationMs: 4000 };
    const { report } = await fleetOn(t, path, changes);
    t.match(report, { streams: 1, unserved: 0, isClean: true });
    const [good = [], bad = []] = [...answers].sort(([a], [b]) => a.localeCompare(b)).map(([, requests]) => requests);
    t.match(good.slice(1), [{ responseNonce: 'nonce-1', versionInfo: 'version-1', errorDetail: null }]);
    t.match(bad.slice(1), want);
    t.equal(bad.length, 1 + want.length);
  });
}

t.test('Envoys that go and come back are served again', async (t) => {
  const { path, source } = await serveSds(t);
  source.setSecrets(first());
  const misbehave = { kind: 'churn', perSecond: 100 } as const;
  const { report } = await fleetOn(t, path, { misbehave, durationMs: 2000 });
  t.match(report, { isClean: true, unserved: 0 });
  t.ok((report.returnedMs?.count ?? 0) > 10, 'they came back');
  t.ok(source.callers.length > 30);
});

t.test('a version that a stream never saw is told from one that it missed', async (t) => {
  const { path, source } = await serveSds(t);
  source.setSecrets(first());
  const versions = [1, 2, 3].map(next);
  const onMilestone = (text: string): void => {
    if (text.startsWith('all ')) for (const version of versions) source.setSecrets(version);
  };
  const { report } = await fleetOn(t, path, { envoys: 20, durationMs: 3000 }, { onMilestone });
  const [last] = report.rotations.slice(-1);
  t.match(last, { reached: 20, streams: 20 });
  t.strictSame(report.checks.problems, {});
});

t.test('a run that is stopped reports what it has', async (t) => {
  const { path, source } = await serveSds(t);
  source.setSecrets({ ROOTCA: bundleSecret(ca.certificatePem), default: svidSecret(ca, { uris: [SLEEP_ID] }) });
  const { report } = await fleetOn(t, path, { rotations: 1, timeoutMs: 3000 });
  t.match(report, { outcome: 'timeout', isClean: false, unserved: 0, rotations: [] });
});

interface Answering {
  readonly isDelta?: boolean;
  readonly onRequest?: (request: Record<string, unknown>) => void;
}

/** Answers the first request of a call, made with the official messages, and listens to what follows. */
function answer(
  stream: Parameters<Parameters<typeof serveHttp2>[1]>[0],
  secrets: ReturnType<typeof first>,
  { isDelta = false, onRequest = () => {} }: Answering = {},
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  const any = anyOf('default', secrets.default);
  const fields = isDelta
    ? { systemVersionInfo: 'version-1', resources: [{ name: 'default', version: 'v', resource: any }] }
    : { versionInfo: 'version-1', resources: [any] };
  let isAnswered = false;
  stream.on('data', (bytes: Buffer) => {
    for (const message of unframed(bytes)) onRequest(xds.request(isDelta).decode(message));
    if (isAnswered) return;
    isAnswered = true;
    stream.write(framed(xds.response(isDelta).encode({ ...fields, typeUrl: SECRET_TYPE_URL, nonce: 'nonce-1' })));
  });
}

t.test('streams that are refused do not end the run while other Envoys have not started', async (t) => {
  const directory = join(shortDir(t), 'tokens');
  mkdirSync(directory);
  writeFileSync(join(directory, '1'), 'a.bad.c');
  writeFileSync(join(directory, '2'), 'a.good.c');
  const { path, source } = await serveSds(t);
  source.setSecrets(first());
  source.admit = async ({ authorization }) => {
    if (authorization.some((text) => text.includes('bad'))) throw new IdentityError('ERR_TOKEN_REFUSED', 'bad');
  };
  const { report } = await fleetOn(t, path, { envoys: 2, tokensDirectory: directory, rampMs: 1000, timeoutMs: 6000 });
  t.match(report, { outcome: 'timeout', pushes: 2, unserved: 2 }, 'the second one is served');
});
