import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startAgent, startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { residentThreads } from '../../src/hotpath/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { startCitadel as startTestCitadel } from '../support/citadel.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { FakeIssuing } from '../support/fake-issuing.js';
import { openHotPath } from '../support/hot-path.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();

/** A Citadel and an agent in node mode, each on its real socket. */
async function startNode(t: Test, { ttl = '24h', ...flags }: Record<string, string> = {}) {
  const citadel = await startTestCitadel(t, hotPath);
  const rootFile = join(shortDir(t), 'root.pem');
  writeFileSync(rootFile, citadel.rootPem);
  return { citadel, ...(await startNodeAgent(t, { caAddress: citadel.address, rootFile, ttl }, flags)) };
}

/** The agent alone. */
async function startNodeAgent(
  t: Test,
  { caAddress, rootFile, ttl }: Record<'caAddress' | 'rootFile' | 'ttl', string>,
  flags: Record<string, string> = {},
) {
  const socket = join(shortDir(t), 'sds.sock');
  const config = settings(COMMANDS.agent, {
    ...{ mode: 'node', socket, 'ca-address': caAddress, 'ca-root': rootFile, ttl },
    ...flags,
  });
  const logger = new RecordingLogger();
  const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
  t.teardown(() => agent.close());
  return { agent, logger };
}

/** The token of a pod as the kubelet writes it. */
function tokenOf(issuer: TokenIssuer, serviceAccount: string, podUid: string, changes = {}): Promise<string> {
  return issuer.token('foo', serviceAccount, {
    ...changes,
    'kubernetes.io': { namespace: 'foo', serviceaccount: { name: serviceAccount }, pod: { uid: podUid } },
  });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Asks for the certificate and reads it with the eyes of `node:crypto`. */
async function certificateOf(stream: SdsClient) {
  stream.request({ names: ['default'] });
  const response = await stream.expectResponse();
  stream.ack(response);
  const { certificateChain, privateKey } = response.secrets[0]?.tlsCertificate ?? {};
  const leaf = new X509Certificate(Buffer.from(certificateChain?.inlineBytes ?? []));
  return { leaf, key: createPrivateKey(Buffer.from(privateKey?.inlineBytes ?? [])) };
}

t.test('row 50: a call for one pod that hangs delays no other pod', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.identityOf = (authorization) => {
    const { sub } = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
    return `spiffe://cluster.local/ns/foo/sa/${sub.split(':')[3]}`;
  };
  const rootFile = join(shortDir(t), 'root.pem');
  writeFileSync(rootFile, ca.rootPem);
  const { agent } = await startNodeAgent(t, { caAddress: ca.address, rootFile, ttl: '24h' });
  const issuer = new TokenIssuer();
  const connect = async (podUid: string) =>
    openSdsClient(t, agent.address, bearer(await tokenOf(issuer, 'sleep', podUid)));
  ca.faults.push({ kind: 'hang' });
  const waiting = await connect('pod-1');
  waiting.request({ names: ['default'] });
  await ca.untilCalled(1);
  for (const podUid of ['pod-2', 'pod-3', 'pod-4']) {
    const { leaf } = await certificateOf(await connect(podUid));
    t.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/foo/sa/sleep');
  }
  await waiting.expectSilence();
});

t.test('two pods on one socket get an identity each, by the tokens of their streams', async (t) => {
  const { agent, citadel } = await startNode(t);
  const root = new X509Certificate(citadel.rootPem);
  const tokens = [
    await tokenOf(citadel.issuer, 'sleep', 'pod-1'),
    await tokenOf(citadel.issuer, 'httpbin', 'pod-2'),
  ] as const;
  const [sleep, httpbin] = tokens.map((token) => openSdsClient(t, agent.address, bearer(token)));
  if (sleep === undefined || httpbin === undefined) throw new Error('no clients');
  const bundle = sleep.another(bearer(tokens[0]));
  bundle.request({ names: ['ROOTCA'] });
  const served = await Promise.all([certificateOf(sleep), certificateOf(httpbin)]);
  t.strictSame(
    served.map(({ leaf }) => leaf.subjectAltName),
    ['URI:spiffe://cluster.local/ns/foo/sa/sleep', 'URI:spiffe://cluster.local/ns/foo/sa/httpbin'],
  );
  for (const { leaf, key } of served) {
    t.ok(leaf.checkPrivateKey(key));
    t.ok(leaf.verify(root.publicKey));
  }
  const { secrets } = await bundle.expectResponse();
  t.equal(Buffer.from(secrets[0]?.validationContext?.trustedCa?.inlineBytes ?? []).toString(), `${citadel.rootPem}`);
  t.equal(citadel.logger.of('certificate issued').length, 2, 'both streams of a pod cost one');
});

t.test('100 pods that come together, two streams each, cost one certificate each', async (t) => {
  const { agent, citadel } = await startNode(t);
  const pods = Array.from({ length: 100 }, (_, index) => ({ account: `account-${index % 30}`, uid: `pod-${index}` }));
  const tokens = await Promise.all(pods.map(({ account, uid }) => tokenOf(citadel.issuer, account, uid)));
  const connection = openSdsClient(t, agent.address, bearer(tokens[0] ?? ''));
  const streams = tokens.flatMap((token) => [connection.another(bearer(token)), connection.another(bearer(token))]);
  const served = await Promise.all(streams.map(certificateOf));
  const names = served.map(({ leaf }) => leaf.subjectAltName);
  t.strictSame(
    names,
    pods.flatMap(({ account }) => Array(2).fill(`URI:spiffe://cluster.local/ns/foo/sa/${account}`)),
  );
  t.ok(served.every(({ leaf, key }) => leaf.checkPrivateKey(key)));
  t.equal(new Set(served.map(({ leaf }) => leaf.fingerprint256)).size, 100);
  t.equal(citadel.logger.of('certificate issued').length, 100);
});

t.test('streams without a token, with one of another cluster or with a forged one are refused', async (t) => {
  const { agent, citadel, logger } = await startNode(t);
  const genuine = await tokenOf(citadel.issuer, 'sleep', 'pod-1');
  await certificateOf(openSdsClient(t, agent.address, bearer(genuine)));
  const [header, payload] = genuine.split('.');
  const [, , foreignSignature] = (await tokenOf(new TokenIssuer(), 'sleep', 'pod-1')).split('.');
  const cases = {
    'no token': {},
    'of another cluster': bearer(await tokenOf(new TokenIssuer(), 'sleep', 'pod-1')),
    'same claims, signed by somebody else': bearer(`${header}.${payload}.${foreignSignature}`),
    'bound to no pod': bearer(await citadel.issuer.token('foo', 'sleep', { 'kubernetes.io': { namespace: 'foo' } })),
    'no JWT': bearer('nonsense'),
    'another scheme': { authorization: 'Basic eA==' },
  };
  for (const [what, metadata] of Object.entries(cases)) {
    const stream = openSdsClient(t, agent.address, metadata as Record<string, string>);
    stream.request({ names: ['default'] });
    const { code, details } = await stream.ended;
    t.equal(code, status.UNAUTHENTICATED, what);
    t.match(details, /^authentication failed(: (no token came|what came) with the stream|$)/, what);
  }
  t.equal(citadel.logger.of('certificate issued').length, 1);
  t.notMatch(logger.text, payload ?? '', 'no token in the log');
});

t.test(
  'a stream that comes back in time finds the same certificate, and the page told that its pod was idle',
  async (t) => {
    const { agent, citadel, logger } = await startNode(t, { 'idle-grace': '1h', 'status-address': '127.0.0.1:0' });
    const pages = new StatusReader(logger);
    const [sleep, httpbin] = [
      bearer(await tokenOf(citadel.issuer, 'sleep', 'pod-1')),
      bearer(await tokenOf(citadel.issuer, 'httpbin', 'pod-2')),
    ];
    const first = openSdsClient(t, agent.address, sleep);
    const before = await certificateOf(first);
    first.halfClose();
    await first.ended;
    // On the same connection: the end of the first stream has been seen before this one is served.
    await certificateOf(first.another(httpbin));
    t.match(await pages.status(), { identity_count: 2, idle_count: 1 });
    const { identities } = (await pages.status()) as { identities: { pod_uid: string; idle: boolean }[] };
    t.strictSame(
      new Map(identities.map(({ pod_uid, idle }) => [pod_uid, idle])),
      new Map([
        ['pod-1', true],
        ['pod-2', false],
      ]),
    );
    t.match((await pages.page('/metrics')).text, 'sidecert_identities_idle 1');
    const after = await certificateOf(first.another(sleep));
    t.equal(after.leaf.fingerprint256, before.leaf.fingerprint256);
    t.equal(citadel.logger.of('certificate issued').length, 2, 'none for the stream that came back');
    t.match(await pages.status(), { identity_count: 2, idle_count: 0 });
  },
);

t.test('when the time of grace is over the pod is gone, and its next stream costs a new certificate', async (t) => {
  const { agent, citadel, logger } = await startNode(t, { 'idle-grace': '20ms', 'status-address': '127.0.0.1:0' });
  const sleep = bearer(await tokenOf(citadel.issuer, 'sleep', 'pod-1'));
  const stream = openSdsClient(t, agent.address, sleep);
  const before = await certificateOf(stream);
  stream.halfClose();
  const { fields } = await logger.until('idle identity ended, its key is wiped');
  t.match(fields, { spiffe_id: 'spiffe://cluster.local/ns/foo/sa/sleep', pod_uid: 'pod-1' });
  t.match(await new StatusReader(logger).status(), { identity_count: 0, idle_count: 0 });
  const after = await certificateOf(stream.another(sleep));
  t.notOk(after.leaf.publicKey.equals(before.leaf.publicKey));
  t.equal(citadel.logger.of('certificate issued').length, 2);
});

t.test('the first certificate of a new pod does not wait for the renewals of 250 others', async (t) => {
  const issued: string[] = [];
  const issuing = new FakeIssuing({
    issue(request, options) {
      issued.push(`${request.subjectAltNames[0]}`);
      return hotPath.issue(request, options);
    },
  });
  const citadel = await startTestCitadel(t, hotPath, { hotPath: issuing });
  const rootFile = join(shortDir(t), 'root.pem');
  writeFileSync(rootFile, citadel.rootPem);
  const files = { caAddress: citadel.address, rootFile, ttl: '10s' };
  const { agent, logger } = await startNodeAgent(t, files, { 'status-address': '127.0.0.1:0' });
  const uids = Array.from({ length: 250 }, (_, index) => `pod-${index}`);
  const tokens = await Promise.all(uids.map((uid) => tokenOf(citadel.issuer, 'sleep', uid)));
  const connection = openSdsClient(t, agent.address, bearer(tokens[0] ?? ''));
  await Promise.all(tokens.map((token) => certificateOf(connection.another(bearer(token)))));
  issuing.isHeld = true;
  const pages = new StatusReader(logger);
  const renewals = async (): Promise<number> => {
    const { identities } = (await pages.status()) as { identities: { next_renewal?: string }[] };
    return identities.filter(({ next_renewal }) => next_renewal === undefined).length;
  };
  while ((await renewals()) < 250);
  const before = issued.length;
  const fresh = connection.another(bearer(await tokenOf(citadel.issuer, 'httpbin', 'new')));
  const served = certificateOf(fresh);
  await fresh.expectSilence();
  issuing.release();
  t.equal((await served).leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/foo/sa/httpbin');
  const position = issued.indexOf('spiffe://cluster.local/ns/foo/sa/httpbin') - before;
  // 48 renewals are under way when it comes, keys for half of them made ahead of the calls.
  t.ok(position < 100, `${position} of 250 renewals were done first`);
});

t.test('a refused token that comes back again and again is put before the CA once', async (t) => {
  const { agent, citadel, logger } = await startNode(t);
  const forged = bearer(await tokenOf(new TokenIssuer(), 'sleep', 'pod-1'));
  const connection = openSdsClient(t, agent.address, forged);
  connection.request({ names: ['default'] });
  await connection.ended;
  const retries = Array.from({ length: 20 }, () => connection.another(forged));
  for (const stream of retries) stream.request({ names: ['default'] });
  const ends = await Promise.all(retries.map(({ ended }) => ended));
  t.ok(ends.every(({ code }) => code === status.UNAUTHENTICATED));
  t.equal(citadel.logger.of('certificate refused').length, 1);
  t.match(logger.of('sds stream refused')[0]?.fields, {
    ...{ code: 'ERR_CA_REFUSED_TOKEN', claimed_subject: 'system:serviceaccount:foo:sleep', pid: process.pid },
  });
});

t.test('a Citadel and the agent of a node have a thread for each core but one', async (t) => {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker) => threads.push(worker);
  process.on('worker', onWorker);
  t.teardown(() => process.off('worker', onWorker));
  const directory = shortDir(t);
  const [jwks, rootFile] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  writeFileSync(jwks, JSON.stringify(new TokenIssuer().jwks));
  const flags = { listen: '127.0.0.1:0', jwks, 'token-issuer': 'https://issuer.example', 'root-cert-out': rootFile };
  const context = { logger: silentLogger, now: Date.now, random: Math.random, nodeFlags: [] };
  const citadel = await startCitadel(settings(COMMANDS.citadel, flags), context);
  t.teardown(() => citadel.close());
  t.equal(threads.length, residentThreads());
  await startNodeAgent(t, { caAddress: citadel.address, rootFile, ttl: '24h' });
  t.equal(threads.length, 2 * residentThreads());
});

t.test('while the CA is away a known pod is served at once, and a new one as soon as the CA is back', async (t) => {
  const directory = shortDir(t);
  const issuer = new TokenIssuer();
  const [jwks, rootFile] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const citadel = async (listen: string) => {
    const flags = { listen, jwks, 'ca-dir': join(directory, 'ca'), 'root-cert-out': rootFile };
    const config = settings(COMMANDS.citadel, { ...flags, 'token-issuer': issuer.issuer });
    const context = { logger: silentLogger, now: Date.now, random: Math.random, nodeFlags: [] };
    const running = await startCitadel(config, context);
    t.teardown(() => running.close());
    return running;
  };
  const first = await citadel('127.0.0.1:0');
  const { agent } = await startNodeAgent(t, { caAddress: first.address, rootFile, ttl: '24h' });
  const known = bearer(await tokenOf(issuer, 'sleep', 'pod-1'));
  const connection = openSdsClient(t, agent.address, known);
  const { leaf } = await certificateOf(connection);
  await first.close();
  const again = await certificateOf(connection.another(known));
  t.equal(again.leaf.fingerprint256, leaf.fingerprint256);
  const fresh = connection.another(bearer(await tokenOf(issuer, 'httpbin', 'pod-2')));
  const served = certificateOf(fresh);
  await fresh.expectSilence();
  await citadel(first.address);
  t.equal((await served).leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/foo/sa/httpbin');
});

t.test('when the token of a pod has ended, its stream ends with OK, and the next token is served', async (t) => {
  const { agent, citadel } = await startNode(t, { ttl: '10s' });
  // Before the renewal, which comes after 4.5 s at the earliest.
  const endsSoon = { exp: Math.floor(Date.now() / 1000) + 4 };
  const stream = openSdsClient(t, agent.address, bearer(await tokenOf(citadel.issuer, 'sleep', 'pod-1', endsSoon)));
  const other = stream.another(bearer(await tokenOf(citadel.issuer, 'sleep', 'pod-2')));
  const before = await certificateOf(stream);
  const neighbour = await certificateOf(other);
  t.equal((await stream.ended).code, status.OK);
  const after = await certificateOf(stream.another(bearer(await tokenOf(citadel.issuer, 'sleep', 'pod-1'))));
  t.equal(after.leaf.subjectAltName, before.leaf.subjectAltName);
  t.not(after.leaf.fingerprint256, before.leaf.fingerprint256);
  const rotated = await other.expectResponse();
  t.strictSame(rotated.names, ['default'], 'the other pod goes on');
  t.not(neighbour.leaf.fingerprint256, before.leaf.fingerprint256);
});

t.test('a directory that other users may write to is refused, unless the operator says so', async (t) => {
  const directory = join(shortDir(t), 'shared');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  const rootFile = join(directory, 'root.pem');
  writeFileSync(rootFile, TestCa.root().certificatePem);
  const socket = join(directory, 's');
  const config = settings(COMMANDS.agent, { mode: 'node', socket, 'ca-address': '127.0.0.1:1', 'ca-root': rootFile });
  const logger = new RecordingLogger();
  const context = { logger, now: Date.now, random: Math.random, nodeFlags: [] };
  await t.rejects(startAgent(config, context), {
    code: 'ERR_SOCKET_INVALID',
    message: new RegExp(`${directory} is writable for all users`),
  });
  const agent = await startAgent({ ...config, isDirectoryShared: true }, context);
  t.match(logger.of('others may replace the socket, in a directory that is not only ours'), [{ level: 'warn' }]);
  await agent.close();
});
