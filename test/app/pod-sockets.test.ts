import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { until } from '../../src/demo/polling.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { metricProblems } from '../support/metric-lint.js';
import { PATIENCE_MS } from '../support/patience.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';
import type { TokenIssuer } from '../support/test-tokens.js';

const hotPath = openHotPath();

/** A Citadel, and an agent in node mode with a directory for its pods. */
async function startNode(t: Test, flags: Record<string, string | boolean> = {}) {
  const citadel = await startCitadel(t, hotPath);
  const [directory, pods] = [shortDir(t), shortDir(t)];
  const rootFile = join(directory, 'root.pem');
  writeFileSync(rootFile, citadel.rootPem);
  const start = async (more: Record<string, string | boolean> = {}) => {
    const config = settings(COMMANDS.agent, {
      ...{ mode: 'node', socket: join(directory, 's'), 'ca-address': citadel.address, 'ca-root': rootFile },
      ...{ 'pod-sockets': pods, 'status-address': '127.0.0.1:0', ...flags, ...more },
    });
    const logger = new RecordingLogger();
    const agent = await startAgent(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
    t.teardown(() => agent.close());
    return { agent, logger };
  };
  return { citadel, pods, start, ...(await start()) };
}

function tokenOf(issuer: TokenIssuer, podUid: string, serviceAccount = 'sleep'): Promise<string> {
  return issuer.token('foo', serviceAccount, {
    'kubernetes.io': { namespace: 'foo', serviceaccount: { name: serviceAccount }, pod: { uid: podUid } },
  });
}

/** What a driver does for a pod. */
async function addPod(pods: string, issuer: TokenIssuer, podUid: string, serviceAccount?: string): Promise<string> {
  const directory = join(pods, podUid);
  mkdirSync(directory, { mode: 0o755 });
  writeFileSync(join(directory, 'token'), await tokenOf(issuer, podUid, serviceAccount));
  return directory;
}

async function idOf(stream: SdsClient): Promise<string | undefined> {
  stream.request({ names: ['default'] });
  const response = await stream.expectResponse();
  stream.ack(response);
  const { certificateChain } = response.secrets[0]?.tlsCertificate ?? {};
  const leaf = new X509Certificate(Buffer.from(certificateChain?.inlineBytes ?? []));
  return leaf.subjectAltName?.replace('URI:', '');
}

t.test('each pod gets the identity of its token on the socket in its directory, and needs none itself', async (t) => {
  const { citadel, pods, logger } = await startNode(t);
  for (const account of ['sleep', 'httpbin']) {
    const directory = await addPod(pods, citadel.issuer, `uid-of-${account}`, account);
    await logger.until('pod socket serves', account === 'sleep' ? 1 : 2);
    const socket = join(directory, 'socket');
    t.equal(statSync(socket).mode & 0o777, 0o660);
    t.equal(await idOf(openSdsClient(t, socket)), `spiffe://cluster.local/ns/foo/sa/${account}`);
  }
  const pages = new StatusReader(logger);
  t.match((await pages.status()).pod_sockets, { path: pods, serving: 2, waiting: 0, refused: [] });
  const { text } = await pages.page('/metrics');
  t.strictSame(metricProblems(text), []);
  t.match(text, /^sidecert_pod_sockets\{state="serving"\} 2$/m);
});

t.test('when its directory goes the streams of a pod end, and its key is wiped without a time of grace', async (t) => {
  const { citadel, pods, logger } = await startNode(t, { 'idle-grace': '1h' });
  const directory = await addPod(pods, citadel.issuer, 'one');
  await logger.until('pod socket serves');
  const stream = openSdsClient(t, join(directory, 'socket'));
  await idOf(stream);
  rmSync(directory, { recursive: true });
  t.match(await stream.ended, { code: status.OK });
  await logger.until('idle identity ended, its key is wiped');
  t.notOk(existsSync(directory), 'and is not made again');
  const pages = new StatusReader(logger);
  // Streams and key go first, then the socket.
  await until('socket is gone', AbortSignal.timeout(PATIENCE_MS), async () => {
    const { pod_sockets: sockets } = await pages.status();
    return (sockets as { serving: number }).serving === 0 || undefined;
  });
  t.match(await pages.status(), { identity_count: 0, pod_sockets: { serving: 0, waiting: 0 } });
  await addPod(pods, citadel.issuer, 'one');
  await logger.until('pod socket serves', 2);
  t.ok(await idOf(openSdsClient(t, join(directory, 'socket'))));
});

t.test('a token that comes late, through the links of the kubelet, and a new one, are taken', async (t) => {
  const { citadel, pods, logger } = await startNode(t);
  const directory = join(pods, 'one');
  mkdirSync(directory, { mode: 0o755 });
  const write = async (version: string): Promise<void> => {
    mkdirSync(join(directory, version), { mode: 0o755 });
    writeFileSync(join(directory, version, 'token'), await tokenOf(citadel.issuer, 'one'));
    symlinkSync(version, join(directory, '..data_tmp'));
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  };
  symlinkSync('..data/token', join(directory, 'token'));
  await write('..1');
  await logger.until('pod socket serves');
  t.ok(await idOf(openSdsClient(t, join(directory, 'socket'))));
  await write('..2');
  t.ok(await idOf(openSdsClient(t, join(directory, 'socket'))));
});

t.test('a socket that was removed is put back', async (t) => {
  const { citadel, pods, logger } = await startNode(t);
  const directory = await addPod(pods, citadel.issuer, 'one');
  await logger.until('pod socket serves');
  rmSync(join(directory, 'socket'));
  await logger.until('socket had been removed, and was put back');
  t.ok(await idOf(openSdsClient(t, join(directory, 'socket'))));
});

t.test('what is no directory of a pod, or others may write to, is refused, and the rest is served', async (t) => {
  const { citadel, pods, logger } = await startNode(t);
  const token = await tokenOf(citadel.issuer, 'other');
  const refused: Readonly<Record<string, () => void | Promise<void>>> = {
    'a-file': () => writeFileSync(join(pods, 'a-file'), ''),
    'a-link': () => symlinkSync(shortDir(t), join(pods, 'a-link')),
    'not a uid': () => mkdirSync(join(pods, 'not a uid')),
    ['u'.repeat(100)]: () => mkdirSync(join(pods, 'u'.repeat(100))),
    'writable-for-all': async () => {
      const directory = await addPod(pods, citadel.issuer, 'writable-for-all');
      await chmod(directory, 0o777);
    },
    'token-of-another': () => {
      mkdirSync(join(pods, 'token-of-another'));
      writeFileSync(join(pods, 'token-of-another', 'token'), token);
    },
    'link-outside': () => {
      mkdirSync(join(pods, 'link-outside'));
      const outside = join(shortDir(t), 'token');
      writeFileSync(outside, token);
      symlinkSync(outside, join(pods, 'link-outside', 'token'));
    },
    garbage: () => {
      mkdirSync(join(pods, 'garbage'));
      writeFileSync(join(pods, 'garbage', 'token'), Buffer.alloc(1000, 0xff));
    },
  };
  for (const make of Object.values(refused)) await make();
  await addPod(pods, citadel.issuer, 'good');
  await logger.until('pod socket serves');
  const pages = new StatusReader(logger);
  const names = Object.keys(refused);
  let shown: { refused: { name: string; error: string }[]; waiting: number };
  do {
    await logger.until('pod directory refused', logger.of('pod directory refused').length);
    shown = (await pages.status()).pod_sockets as typeof shown;
    await new Promise(setImmediate);
  } while (shown.refused.length + shown.waiting < names.length);
  for (const { name, error } of shown.refused) t.match(error, /got .+expected|no such file/, `${name}: ${error}`);
  t.ok(shown.refused.length >= names.length - 1, 'a link that leads outside waits for a token');
  t.match(await openRefused(t, join(pods, 'token-of-another', 'socket')), { code: status.UNAUTHENTICATED });
});

async function openRefused(t: Test, socket: string) {
  const stream = openSdsClient(t, socket);
  stream.request({ names: ['default'] });
  return stream.ended;
}

t.test('a directory that others may write to ends the start', async (t) => {
  const pods = shortDir(t);
  await chmod(pods, 0o777);
  const config = settings(COMMANDS.agent, {
    ...{ mode: 'node', socket: join(shortDir(t), 's'), 'ca-address': '127.0.0.1:1', 'ca-root': '/dev/null' },
    'pod-sockets': pods,
  });
  const start = startAgent(config, {
    logger: new RecordingLogger(),
    now: Date.now,
    random: Math.random,
    nodeFlags: [],
  });
  await t.rejects(start, { code: 'ERR_SOCKET_INVALID', message: /got mode 0777, expected one that neither its group/ });
});

t.test('an agent that takes over serves the same pods, and the one before leaves them alone', async (t) => {
  const { citadel, pods, logger, agent, start } = await startNode(t);
  const directory = await addPod(pods, citadel.issuer, 'one');
  await logger.until('pod socket serves');
  const next = await start({ takeover: true });
  await next.logger.until('pod socket serves');
  await agent.close();
  t.ok(existsSync(join(directory, 'socket')));
  t.ok(await idOf(openSdsClient(t, join(directory, 'socket'))));
  t.strictSame(next.logger.of('socket had been removed, and was put back'), []);
});

t.test('at the end of an agent the sockets of pods go first, so that no Envoy comes back to it', async (t) => {
  const { citadel, pods, logger, agent } = await startNode(t);
  const directory = await addPod(pods, citadel.issuer, 'one');
  await logger.until('pod socket serves');
  const stream = openSdsClient(t, join(directory, 'socket'));
  await idOf(stream);
  const closed = agent.close();
  t.match(await stream.ended, { code: status.OK });
  t.notOk(existsSync(join(directory, 'socket')));
  await closed;
});
