import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { type CaLoadOptions, runCaLoad, writeCaLoadReports } from '../../src/fleet/index.js';
import { startCitadel } from '../support/citadel.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { openHotPath } from '../support/hot-path.js';
import { PATIENCE_MS } from '../support/patience.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();

interface Peer {
  readonly address: string;
  readonly rootPem: Buffer;
}

/** Loads a CA to the end of the run; it is stopped with the test. */
function loadOf(t: Test, { address, rootPem }: Peer, changes: Partial<CaLoadOptions>, now = Date.now) {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const rootFile = join(shortDir(t), 'root.pem');
  writeFileSync(rootFile, rootPem);
  const options: CaLoadOptions = {
    ca: { address, rootFile, serverName: undefined },
    ...{ tokensDirectory: undefined, tokenFile: undefined, clusterId: 'Kubernetes', keyTypes: ['ec-p256'] },
    ...{ ttlMs: 3_600_000, concurrency: 4, connections: 2, hasNewConnections: false, rate: undefined },
    ...{ requests: 20, retries: false, durationMs: PATIENCE_MS, timeoutMs: PATIENCE_MS, hotPath: 'auto' },
    ...changes,
  };
  const observer = { progress() {} };
  return runCaLoad(options, { observer, signal: stop.signal, now, random: Math.random });
}

/** A directory with a token for each of these accounts. */
async function tokens(t: Test, issuer: TokenIssuer, accounts: readonly string[]): Promise<string> {
  const directory = join(shortDir(t), 'tokens');
  mkdirSync(directory);
  for (const account of accounts) writeFileSync(join(directory, account), await issuer.token('foo', account));
  return directory;
}

t.test('callers take tokens, keys and connections in turn, and each answer is checked', async (t) => {
  const citadel = await startCitadel(t, hotPath);
  const report = await loadOf(t, citadel, {
    tokensDirectory: await tokens(t, citadel.issuer, ['a', 'b', 'c']),
    keyTypes: ['ec-p256', 'ec-p384'],
  });
  t.match(report, {
    ...{ outcome: 'done', isClean: true, requests: 20, issued: 20, unsent: 0, errors: {} },
    connections: { opened: 2, agreement: { tlsVersion: 'TLSv1.3' } },
    checks: { checked: 20, problems: {} },
    issuedMs: { count: 20 },
  });
  const seen = citadel.logger.of('certificate issued').map(({ fields }) => fields.spiffe_id);
  t.same(
    [...new Set(seen)].sort(),
    ['a', 'b', 'c'].map((name) => `spiffe://cluster.local/ns/foo/sa/${name}`),
  );
});

t.test('each request may have a connection of its own, and be due at a rate', async (t) => {
  const citadel = await startCitadel(t, hotPath);
  const tokensDirectory = await tokens(t, citadel.issuer, ['a']);
  const report = await loadOf(t, citadel, { tokensDirectory, hasNewConnections: true, rate: 200 });
  t.match(report, { isClean: true, issued: 20, connections: { opened: 20 } });
});

t.test('what is refused for want of room is no fault at a rate, and one of callers that wait their turn', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'reject', code: status.RESOURCE_EXHAUSTED };
  const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
  ca.faults.push({ kind: 'none' });
  const atRate = await loadOf(t, ca, { tokensDirectory, rate: 500, requests: 5 });
  t.match(atRate, { isClean: true, issued: 1, errors: { RESOURCE_EXHAUSTED: { count: 4 } } });
  ca.faults.push({ kind: 'none' });
  const inTurn = await loadOf(t, ca, { tokensDirectory, requests: 5 });
  t.match(inTurn, { isClean: false, issued: 1, errors: { RESOURCE_EXHAUSTED: { count: 4 } } });
});

t.test('with retries each request comes to its certificate, not before the CA wants it', async (t) => {
  const ca = await FakeCaServer.start(t);
  const trailers = { 'grpc-retry-pushback-ms': '40' };
  ca.faults.push(...Array.from({ length: 6 }, () => ({ kind: 'reject', code: 8, trailers }) as const));
  const report = await loadOf(t, ca, {
    tokensDirectory: await tokens(t, new TokenIssuer(), ['sleep']),
    ...{ retries: true, rate: 500, requests: 5 },
  });
  t.match(report, {
    ...{ isClean: true, requests: 5, issued: 5, completedMs: { count: 5 } },
    errors: { RESOURCE_EXHAUSTED: { count: 6, retryAfterMs: { count: 6, p50: 40 } } },
  });
  t.ok((report.completedMs?.max ?? 0) >= 40);
});

const wrong = [
  { problem: 'another key', fault: { kind: 'wrong-key' } },
  { problem: 'not trusted by the bundle', fault: { kind: 'issues', signer: TestCa.root() } },
  { problem: 'no answer of a CA', fault: { kind: 'elements', elements: ['x'] } },
] as const;

for (const { problem, fault } of wrong) {
  t.test(`an answer is told as "${problem}"`, async (t) => {
    const ca = await FakeCaServer.start(t);
    ca.fault = fault;
    const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
    const report = await loadOf(t, ca, { tokensDirectory, requests: 3 });
    t.equal(report.isClean, false);
    t.same(report.checks, { checked: 3, problems: { [problem]: 3 } });
  });
}

t.test('a certificate of another account than that of its token is told', async (t) => {
  const ca = await FakeCaServer.start(t);
  const tokensDirectory = await tokens(t, new TokenIssuer(), ['httpbin']);
  const report = await loadOf(t, ca, { tokensDirectory, requests: 2 });
  t.same(report.checks.problems, { 'another identity': 2 });
});

t.test('a CA that is away, and one that knows none of the tokens, end the run', async (t) => {
  const ca = await FakeCaServer.start(t);
  const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
  ca.fault = { kind: 'reject', code: status.UNAUTHENTICATED, details: 'request authenticate failure' };
  t.match(await loadOf(t, ca, { tokensDirectory, requests: undefined }), {
    ...{ outcome: 'refused', isClean: false, issued: 0 },
    errors: { UNAUTHENTICATED: { first: 'request authenticate failure' } },
  });
  ca.stop();
  t.match(await loadOf(t, ca, { tokensDirectory, requests: undefined }), {
    ...{ outcome: 'refused', errors: { UNAVAILABLE: {} } },
  });
});

t.test('a CA that resets the first of many callers at once is not away', async (t) => {
  const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
  for (const retries of [false, true]) {
    const ca = await FakeCaServer.start(t);
    for (let at = 0; at < 40; at += 1) ca.faults.push({ kind: 'reject', code: status.UNAVAILABLE });
    // By a clock that stands still it has not been away for long, however busy this machine is.
    const nowMs = Date.now();
    const changes = { tokensDirectory, retries, requests: 100, rate: 1_000_000 };
    const report = await loadOf(t, ca, changes, () => nowMs);
    t.match(report, { outcome: 'done', issued: retries ? 100 : 60 });
  }
});

t.test('callers pause between their requests to a CA that went away in the middle', async (t) => {
  const ca = await FakeCaServer.start(t);
  const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
  ca.faults.push({ kind: 'none' });
  ca.fault = { kind: 'reject', code: status.UNAVAILABLE };
  const report = await loadOf(t, ca, { tokensDirectory, ...{ requests: undefined, durationMs: 3000, concurrency: 1 } });
  t.equal(report.issued, 1);
  t.ok(report.requests <= 32, `${report.requests} requests in three seconds, with a pause of 100 ms after each`);
});

for (const [name, rootPem] of [
  ['none', Buffer.from('none')],
  ['broken', Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')],
] as const) {
  t.test(`roots that are ${name} are told before anything is asked`, async (t) => {
    const ca = await FakeCaServer.start(t);
    const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
    const load = loadOf(t, { address: ca.address, rootPem }, { tokensDirectory });
    await t.rejects(load, { code: 'ERR_CONFIG_INVALID', message: /^--ca-root: .*root.pem: / });
    t.strictSame(ca.calls, []);
  });
}

t.test('the reports are written, as JSON and as a page with charts', async (t) => {
  const ca = await FakeCaServer.start(t);
  const tokensDirectory = await tokens(t, new TokenIssuer(), ['sleep']);
  const report = await loadOf(t, ca, { tokensDirectory });
  const directory = shortDir(t);
  const [json, html] = [join(directory, 'r.json'), join(directory, 'r.html')];
  await writeCaLoadReports(report, ca.address, { json, html });
  t.match(JSON.parse(readFileSync(json, 'utf8')), { isClean: true, issued: 20 });
  t.match(readFileSync(html, 'utf8'), `20 requests for certificates to ${ca.address}`);
});

t.test('tokens that are missing are told before anything is asked', async (t) => {
  const peer = { address: '127.0.0.1:1', rootPem: TestCa.root().certificatePem };
  const tokensDirectory = shortDir(t);
  await t.rejects(loadOf(t, peer, { tokensDirectory }), {
    code: 'ERR_CONFIG_INVALID',
    message: '--tokens: got no file, expected at least one',
  });
});
