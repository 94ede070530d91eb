import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import t, { type Test } from 'tap';
import { Frame, Http2ErrorCode } from '../../src/net/http2/index.js';
import { NO_ADDON } from '../hotpath/implementations.js';
import { callHeaders, data, grpcMessage, opening, ping } from '../support/raw-frames.js';
import { decodeResponse, encodeRequest, openSdsClient } from '../support/sds-client.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { Written } from '../support/written.js';
import { asks, STREAM_SECRETS, serveHostile, Victim } from './served.js';

const isRoot = process.getuid?.() === 0;

/** Connects as another user, says the preface, and tells what became of it: `served` or `closed`. */
async function connectAs(t: Test, uid: number, path: string): Promise<string> {
  const script = `
    const socket = require('node:net').connect(process.argv[1]);
    socket.on('error', () => {});
    socket.once('data', () => { console.log('served'); socket.destroy(); });
    socket.once('close', () => { console.log('closed'); });
    socket.write(Buffer.from(process.argv[2], 'hex'));`;
  const args = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', process.execPath, '-e', script, path];
  const child = spawn('setpriv', [...args, opening().toString('hex')], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  return new Written(child.stdout, 'the client').line('');
}

t.test(
  'row 73: of two users the one that is allowed is served, the other closed before a byte is read',
  { skip: NO_ADDON || (!isRoot && 'needs root') },
  async (t) => {
    const served = await serveHostile(t, { allowedUids: new Set([process.getuid?.() ?? 0, 23_451]) });
    chmodSync(dirname(served.path), 0o755);
    const victim = await Victim.connect(t, served);
    t.equal(await connectAs(t, 23_451, served.path), 'served');
    t.equal(await connectAs(t, 23_452, served.path), 'closed');
    t.equal(served.count('uid_not_allowed'), 1);
    t.match(served.logger.of('connection refused'), [
      { level: 'warn', fields: { reason: 'uid_not_allowed', uid: 23_452 } },
    ]);
    await victim.rotates();
  },
);

t.test(
  'row 73: who serves without the addon cannot tell users apart, and lets none in by a list of them',
  async (t) => {
    const served = await serveHostile(t, { via: 'node', allowedUids: new Set([process.getuid?.() ?? 0]) });
    const peer = await served.peer();
    await peer.ended();
    t.equal(served.count('uid_not_allowed'), 1);
  },
);

t.test('row 67: a process that floods again and again is not let in for a while', { skip: NO_ADDON }, async (t) => {
  const served = await serveHostile(t);
  const flood = Buffer.concat(Array.from({ length: 20_001 }, () => ping()));
  for (let index = 0; index < 5; index += 1) {
    const peer = await served.peer();
    peer.send(flood);
    t.equal(await peer.ended(), Http2ErrorCode.enhanceYourCalm);
  }
  const refused = await served.peer();
  await refused.ended();
  t.same([refused.frames.length, served.count('misbehaved')], [0, 1]);
  served.pass(10_000);
  t.ok((await (await served.peer()).ping()) > 0);
});

for (const via of SOCKET_WAYS) {
  // Those of one user are bounded before all are, where somebody knows them.
  const tooMany = via === 'addon' ? 'too_many_of_uid' : 'too_many';
  t.test(
    `row 67: via ${via}: above the limit the connection that has been idle for longest gives way, thousands of times in one line`,
    async (t) => {
      const served = await serveHostile(t, { via, maxConnections: 20 });
      const victim = await Victim.connect(t, served);
      const room = via === 'addon' ? 18 : 20;
      const peers = await Promise.all(Array.from({ length: room - 1 }, () => served.peer()));
      await Promise.all(peers.map((peer) => peer.ping()));
      for (let round = 0; round < 20; round += 1) {
        const flood = await Promise.all(Array.from({ length: 100 }, () => served.peer({ greets: false })));
        await victim.rotates();
        // Each of them has displaced another, and all but the last of them were displaced themselves.
        await Promise.all(flood.slice(0, -room).map((peer) => peer.ended()));
        for (const peer of flood) peer.socket.destroy();
        await Promise.all(flood.map((peer) => peer.ended()));
      }
      for (const peer of peers) await peer.ended();
      t.ok(served.count('displaced') > 0);
      t.match(served.logger.of('connection evicted for others'), [
        { fields: { reason: tooMany, withheld: undefined } },
      ]);
      await victim.rotates();
      t.ok((await (await served.peer()).ping()) > 0, 'who comes next is let in');
    },
  );

  t.test(`row 67: via ${via}: where all have proven themselves a newcomer is refused`, async (t) => {
    const served = await serveHostile(t, { via, maxConnections: 3 });
    const room = via === 'addon' ? 2 : 3;
    for (let index = 0; index < room; index += 1) {
      const client = openSdsClient(t, served.path);
      client.request({ names: ['default'], nodeId: 'proven' });
      client.ack(await client.expectResponse());
      await client.roundTrip();
    }
    await (await served.peer({ greets: false })).ended();
    t.equal(served.count(tooMany), 1);
    t.match(served.logger.of('connection refused'), [{ fields: { reason: tooMany, withheld: undefined } }]);
  });

  t.test(
    `row 67: via ${via}: streams that are refused for their callers, hundreds at a time, leave nothing behind`,
    async (t) => {
      const served = await serveHostile(t, { via });
      const victim = await Victim.connect(t, served);
      served.source.admit = async () => {
        throw new Error('denied');
      };
      const denied = await served.peer();
      for (let round = 0; round < 10; round += 1) {
        const ids = Array.from({ length: 100 }, (_, index) => 1 + 2 * (100 * round + index));
        denied.send(...ids.map((id) => asks(id)));
        const isEnd = (id: number) =>
          denied.frames.some(
            ({ type, streamId, flags }) => type === Frame.headers && streamId === id && (flags & 1) !== 0,
          );
        await denied.until(() => ids.every(isEnd));
        await victim.rotates();
      }
      t.equal(served.sds.status().streams, 1);
    },
  );

  t.test(
    `row 67: via ${via}: of more streams than there may be those that are idle for longest give way, where most are`,
    async (t) => {
      const served = await serveHostile(t, { via, calls: { max: 10 } });
      const [a, b] = [await served.peer(), await served.peer()];
      for (let index = 0; index < 8; index += 1) a.send(asks(1 + 2 * index, ['none']));
      await a.ping();
      a.send(asks(1, ['none']).subarray(callHeaders(1, STREAM_SECRETS).length));
      await a.ping();
      for (let index = 0; index < 3; index += 1) b.send(asks(1 + 2 * index, ['none']));
      const { streamId, payload } = await a.frame(({ type }) => type === Frame.headers);
      t.equal(streamId, 3);
      t.match(payload.toString('latin1'), /grpc-status.8/s);
      await b.ping();
      t.equal(served.sds.status().streams, 10);
    },
  );

  t.test(
    `via ${via}: a connection without a stream is told to go, a stranger's soon, a proven one's later`,
    async (t) => {
      const served = await serveHostile(t, { via });
      const [idle, busy] = [await served.peer(), await served.peer()];
      await idle.ping();
      busy.send(asks(1, ['nothing']));
      await busy.ping();
      const proven = await served.peer();
      proven.send(asks(1));
      const { payload } = await proven.frame(({ type }) => type === Frame.data);
      const { nonce } = decodeResponse(payload.subarray(5));
      proven.send(data(1, grpcMessage(encodeRequest({ names: ['default'], nonce })), true));
      await proven.frame(({ type, flags }) => type === Frame.headers && (flags & 1) !== 0);
      served.pass(59_000);
      await idle.ping();
      served.pass(1000);
      t.equal(await idle.ended(), Http2ErrorCode.noError);
      t.equal(served.count('unused'), 1);
      await busy.ping();
      await proven.ping();
      served.pass(14 * 60_000);
      t.equal(await proven.ended(), Http2ErrorCode.noError);
      await busy.ping();
      t.strictSame(served.logger.of('connection given up'), [], 'as it should be, and no line of the log');
    },
  );

  t.test(`row 69: via ${via}: metrics have the same series whatever peers do`, async (t) => {
    const served = await serveHostile(t, { via, maxConnections: 5 });
    const before = served.series();
    for (const bytes of ['GET /', 'x', '\x16\x03\x01', ...Array.from({ length: 20 }, (_, n) => `garbage ${n}`)]) {
      const peer = await served.peer({ greets: false });
      peer.send(Buffer.from(bytes));
      await peer.ended();
    }
    t.equal(served.count('protocol'), 23);
    t.equal(served.series(), before);
  });
}
