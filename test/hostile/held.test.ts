import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { encodeFrame, Frame } from '../../src/http2/index.js';
import { NO_ADDON } from '../hotpath/implementations.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { UNBUNDLED_SIDECERT } from '../support/mesh.js';
import { callHeaders, data, grpcMessage } from '../support/raw-frames.js';
import { RawPeer } from '../support/raw-peer.js';
import { decodeResponse, encodeRequest, openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { serveAgents, takeKey } from './agent-process.js';
import { rssMbOf } from './citadel-process.js';
import { asks, STREAM_SECRETS } from './served.js';

const timeout = 120_000;
// Of the whole file: each test starts a process.
t.setTimeout(12 * timeout);

/** An agent at rest has 55 MB, and 48 MiB are what all strangers together may make it keep. */
const MAX_RSS_MB = 300;

const HOT_PATHS = [
  { hotPath: 'native', skip: NO_ADDON },
  { hotPath: 'js', skip: false },
] as const;

/** Sends what `partOf` gives, as fast as it is taken; ends early when the connection does. */
async function pour(peer: RawPeer, count: number, partOf: (index: number) => Buffer): Promise<void> {
  for (let index = 0; index < count && !peer.isClosed; index += 1) {
    const isTaken = peer.socket.write(partOf(index));
    peer.frames.length = 0;
    if (!isTaken) await peer.drained();
  }
}

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

const floods: readonly {
  name: string;
  connections: number;
  parts: number;
  partOf: (index: number) => Buffer;
}[] = [
  {
    name: 'names of a megabyte on each of hundreds of streams',
    connections: 4,
    parts: 150,
    partOf: (index) => Buffer.concat([callHeaders(1 + 2 * index, STREAM_SECRETS), inFrames(1 + 2 * index, MANY_NAMES)]),
  },
  {
    name: 'beginnings of header blocks',
    connections: 1500,
    parts: 1,
    partOf: endlessHeaders,
  },
  {
    name: 'requests that are not gRPC, and never end',
    connections: 20,
    parts: 9000,
    partOf: (index) => callHeaders(1 + 2 * index, '/x', [['content-type', 'text/plain']]),
  },
  {
    name: 'watches of its health',
    connections: 6,
    parts: 9500,
    partOf: (index) =>
      Buffer.concat([
        callHeaders(1 + 2 * index, '/grpc.health.v1.Health/Watch'),
        data(1 + 2 * index, grpcMessage(Buffer.alloc(0))),
      ]),
  },
  {
    name: 'streams that ask nothing',
    connections: 6,
    parts: 9500,
    partOf: (index) => callHeaders(1 + 2 * index, STREAM_SECRETS),
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

for (const { hotPath, skip } of HOT_PATHS) {
  t.test(
    `${hotPath}: all streams that there may be, of connections that have proven themselves: a new Envoy gets its key`,
    { timeout, skip },
    async (t) => {
      const agents = await serveAgents(t);
      const agent = await agents.start({ args: ['--hot-path', hotPath] });
      const victim = openSdsClient(t, agents.socket);
      await takeKey(victim);
      const peers: RawPeer[] = [];
      for (let count = 0; count < 6; count += 1) peers.push(await provenPeer(t, agents.socket));
      await Promise.all(peers.map((peer) => pour(peer, 9500, (index) => asks(3 + 2 * index, ['nothing']))));
      await takeKey(openSdsClient(t, agents.socket));
      await victim.roundTrip();
      t.comment(`RSS ${rssMbOf(agent.pid).toFixed(0)} MB`);
    },
  );

  for (const { name, connections, parts, partOf } of floods) {
    t.test(
      `${hotPath}: ${name}: an Envoy that is served stays so, and a new one gets its key`,
      { timeout, skip },
      async (t) => {
        const agents = await serveAgents(t);
        const agent = await agents.start({ args: ['--hot-path', hotPath] });
        const victim = openSdsClient(t, agents.socket);
        await takeKey(victim);
        const peers: RawPeer[] = [];
        for (let count = 0; count < connections; count += 1) peers.push(await RawPeer.connect(t, agents.socket));
        const flood = Promise.all(peers.map((peer) => pour(peer, parts, partOf)));
        await takeKey(openSdsClient(t, agents.socket));
        await victim.roundTrip();
        await flood;
        await takeKey(openSdsClient(t, agents.socket));
        await victim.roundTrip();
        const rssMb = rssMbOf(agent.pid);
        t.comment(`RSS ${rssMb.toFixed(0)} MB, ${peers.filter(({ isClosed }) => isClosed).length} peers were ended`);
        t.ok(rssMb < MAX_RSS_MB, `${rssMb.toFixed(0)} MB`);
        for (const peer of peers) peer.leave();
      },
    );
  }

  t.test(`${hotPath}: bodies of REST that do not end are bounded together`, { timeout, skip }, async (t) => {
    const agents = await serveAgents(t);
    const agent = await agents.start({ args: ['--hot-path', hotPath, '--rest', 'bundles'] });
    const victim = openSdsClient(t, agents.socket);
    await takeKey(victim);
    const head = 'POST /v3/discovery:secrets HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n';
    const body = Buffer.concat([Buffer.from(head), Buffer.alloc(999_000, ' ')]);
    const sockets = Array.from({ length: 400 }, () => {
      const socket = connect(agents.socket);
      socket.on('error', () => {});
      t.teardown(() => socket.destroy());
      return new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
        socket.write(body, () => resolve());
      });
    });
    await Promise.all(sockets);
    await takeKey(openSdsClient(t, agents.socket));
    await victim.roundTrip();
    const rssMb = rssMbOf(agent.pid);
    t.comment(`RSS ${rssMb.toFixed(0)} MB`);
    t.ok(rssMb < MAX_RSS_MB, `${rssMb.toFixed(0)} MB`);
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
      const rssMb = rssMbOf(agent.pid);
      t.comment(`RSS ${rssMb.toFixed(0)} MB`);
      t.ok(rssMb < MAX_RSS_MB, `${rssMb.toFixed(0)} MB`);
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
  const agent = new SidecertProcess(t, [...args, '--hot-path', hotPath], { sidecert: UNBUNDLED_SIDECERT });
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
