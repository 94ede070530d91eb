import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { encodeFrame, Frame } from '../../src/net/http2/index.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { SMALL_SIDECERT, UNBUNDLED_SIDECERT, WITHOUT_COVERAGE } from '../support/mesh.js';
import { callHeaders, callsOf, data, grpcMessage } from '../support/raw-frames.js';
import { RawPeer } from '../support/raw-peer.js';
import { decodeResponse, encodeRequest, openSdsClient, type SdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { serveAgents, takeKey } from './agent-process.js';
import { assertSmall } from './citadel-process.js';
import { HOT_PATHS, pour, TIMEOUT_MS as timeout } from './poured.js';
import { asks, STREAM_SECRETS } from './served.js';

// Of the whole file: each test starts a process.
t.setTimeout(12 * timeout);

/** An agent at rest has 55 MB, and 48 MiB are what all strangers together may make it keep. */
const MAX_RSS_MB = 300;

/** Many frames of one message. */
function inFrames(streamId: number, message: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < message.length; at += 16_384) frames.push(data(streamId, message.subarray(at, at + 16_384)));
  return Buffer.concat(frames);
}

/** Of a megabyte in all, each of them as long as may be. */
const LONG_NAMES = Array.from({ length: 480 }, (_, index) => `${index}-`.padEnd(2048, 'n'));
const MANY_NAMES = grpcMessage(encodeRequest({ names: LONG_NAMES, nodeId: 'flooder' }));

/** HEADERS without their end, and one CONTINUATION as long as may be, some times. */
function endlessHeaders(): Buffer {
  const frames = [encodeFrame(Frame.headers, 0, 1, Buffer.alloc(16_384))];
  for (let count = 0; count < 5; count += 1) frames.push(encodeFrame(Frame.continuation, 0, 1, Buffer.alloc(16_384)));
  return Buffer.concat(frames);
}

/** What each stream of a connection sends, in order. */
const onStreams = (partOf: (streamId: number) => Buffer) => (index: number) => partOf(1 + 2 * index);

const callOf = { secrets: callsOf(STREAM_SECRETS), watch: callsOf('/grpc.health.v1.Health/Watch') };

const floods: readonly {
  name: string;
  connections: number;
  parts: number;
  partOf: (index: number) => Buffer;
}[] = [
  {
    name: 'names of a megabyte on each of hundreds of streams',
    connections: 4,
    // Nobody is ended: of more streams all is read.
    parts: 150,
    partOf: onStreams((id) => Buffer.concat([callOf.secrets(id), inFrames(id, MANY_NAMES)])),
  },
  {
    name: 'beginnings of header blocks',
    connections: 1500,
    parts: 1,
    partOf: endlessHeaders,
  },
  {
    name: 'requests that are not gRPC, and never end',
    connections: 100,
    parts: 9000,
    partOf: onStreams(callsOf('/x', [['content-type', 'text/plain']])),
  },
  {
    name: 'watches of its health',
    connections: 6,
    parts: 9500,
    partOf: onStreams((id) => Buffer.concat([callOf.watch(id), data(id, grpcMessage(Buffer.alloc(0)))])),
  },
  {
    name: 'streams that ask nothing',
    connections: 6,
    parts: 9500,
    partOf: onStreams(callOf.secrets),
  },
];

/** One that has shown that it may be served, and goes on from there. */
async function provenPeer(t: Test, path: string): Promise<RawPeer> {
  const peer = await RawPeer.connect(t, path);
  peer.send(asks(1));
  const { payload } = await peer.frame(({ type }) => type === Frame.data);
  const { nonce } = decodeResponse(payload.subarray(5));
  peer.send(data(1, grpcMessage(encodeRequest({ names: ['default'], nonce }))));
  await peer.ping();
  return peer;
}

/** An agent, and an Envoy that it serves. */
async function startServed(t: Test, args: readonly string[]) {
  const agents = await serveAgents(t);
  const agent = await agents.start({ args, sidecert: SMALL_SIDECERT, env: WITHOUT_COVERAGE });
  const victim = openSdsClient(t, agents.socket);
  await takeKey(victim);
  return { socket: agents.socket, agent, victim };
}

/** An Envoy that is served stays so, and a new one gets its key. */
async function servesAll(t: Test, path: string, victim: SdsClient): Promise<void> {
  await takeKey(openSdsClient(t, path));
  await victim.roundTrip();
}

/** A new Envoy of a process of its own, which is not bound by what this one makes the agent keep, gets its key. */
async function servesAnotherProcess(t: Test, path: string): Promise<void> {
  const args = ['fleet', '--socket', path, '--envoys', '1', '--streams', 'default', '--duration', '1ms'];
  const { code, err } = await runSidecert(t, args, { sidecert: UNBUNDLED_SIDECERT });
  t.equal(code, 0, `a new Envoy of another process gets its key: ${err}`);
}

for (const { hotPath, skip } of HOT_PATHS) {
  t.test(
    `${hotPath}: all streams that there may be, of connections that have proven themselves: a new Envoy gets its key`,
    { timeout, skip },
    async (t) => {
      const { socket, agent, victim } = await startServed(t, ['--hot-path', hotPath]);
      const peers: RawPeer[] = [];
      for (let count = 0; count < 6; count += 1) peers.push(await provenPeer(t, socket));
      await Promise.all(peers.map((peer) => pour(peer, 9500, (index) => asks(3 + 2 * index, ['nothing']))));
      await servesAll(t, socket, victim);
      await assertSmall(t, agent.pid, Number.POSITIVE_INFINITY, peers);
    },
  );

  for (const { name, connections, parts, partOf } of floods) {
    t.test(
      `${hotPath}: ${name}: an Envoy that is served stays so, and a new one gets its key`,
      { timeout, skip },
      async (t) => {
        const { socket, agent, victim } = await startServed(t, ['--hot-path', hotPath]);
        const peers: RawPeer[] = [];
        for (let count = 0; count < connections; count += 1) peers.push(await RawPeer.connect(t, socket));
        const flood = Promise.all(peers.map((peer) => pour(peer, parts, partOf)));
        // Not one of this process, whose bound leaves a newcomer no room at some moments of the flood.
        await Promise.all([victim.roundTrip(), servesAnotherProcess(t, socket)]);
        await flood;
        await servesAll(t, socket, victim);
        await assertSmall(t, agent.pid, MAX_RSS_MB, peers);
        for (const peer of peers) peer.leave();
      },
    );
  }

  t.test(`${hotPath}: bodies of REST that do not end are bounded together`, { timeout, skip }, async (t) => {
    const restSocket = join(shortDir(t), 'r');
    const rest = ['--rest', 'bundles', '--rest-socket', restSocket];
    const { socket, agent, victim } = await startServed(t, ['--hot-path', hotPath, ...rest]);
    const head = 'POST /v3/discovery:secrets HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n';
    const body = Buffer.concat([Buffer.from(head), Buffer.alloc(999_000, ' ')]);
    const bodies = Array.from({ length: 400 }, () => {
      const sender = connect(restSocket);
      sender.on('error', () => {});
      t.teardown(() => sender.destroy());
      return new Promise<void>((resolve) => {
        sender.once('close', () => resolve());
        sender.write(body, () => resolve());
      });
    });
    await Promise.all(bodies);
    await servesAll(t, socket, victim);
    await assertSmall(t, agent.pid, MAX_RSS_MB);
  });

  t.test(
    `${hotPath}: requests that wait for the proof of a forged token, while the CA is away, are bounded together`,
    { timeout, skip },
    async (t) => {
      const { socket, agent, token, loseCa } = await serveNode(t, hotPath);
      const known = await token('known');
      await takeKey(openSdsClient(t, socket, known));
      await loseCa();
      const peers = [await RawPeer.connect(t, socket), await RawPeer.connect(t, socket)];
      const forged = (await token('forged')).authorization.slice(0, -8);
      // Sixteen are what a stream may ask before its caller is known.
      const sixteen = (id: number) => Buffer.concat(Array.from({ length: 16 }, () => inFrames(id, MANY_NAMES)));
      const partOf = (index: number): Buffer =>
        Buffer.concat([
          callHeaders(1 + 2 * index, STREAM_SECRETS, [['authorization', `${forged}AAAAAAAA`]]),
          sixteen(1 + 2 * index),
        ]);
      await Promise.all(peers.map((peer) => pour(peer, 8, partOf)));
      const again = openSdsClient(t, socket, known);
      await takeKey(again);
      await again.roundTrip();
      await assertSmall(t, agent.pid, MAX_RSS_MB, peers);
    },
  );
}

/** An agent of a node in a process of its own, and its Citadel in this one. */
async function serveNode(t: Test, hotPath: string) {
  const citadel = await startCitadel(t, openHotPath());
  const directory = shortDir(t);
  const [socket, roots] = [join(directory, 's'), join(directory, 'root.pem')];
  writeFileSync(roots, citadel.rootPem);
  const args = ['agent', '--mode', 'node', '--socket', socket, '--ca-address', citadel.address, '--ca-root', roots];
  const agent = new SidecertProcess(t, [...args, '--hot-path', hotPath], {
    sidecert: SMALL_SIDECERT,
    env: WITHOUT_COVERAGE,
  });
  await agent.says('"agent ready"');
  return {
    ...{ socket, agent, loseCa: () => citadel.close() },
    async token(pod: string) {
      const claims = citadel.issuer.claims();
      const bound = { ...(claims['kubernetes.io'] as object), pod: { name: pod, uid: pod } };
      return { authorization: `Bearer ${await citadel.issuer.sign({ ...claims, 'kubernetes.io': bound })}` };
    },
  };
}
