import t from 'tap';
import { encodeFrame, encodeSettings, Frame, Http2ErrorCode, PREFACE, Setting } from '../../src/net/http2/index.js';
import { callHeaders, data, grpcMessage, opening } from '../support/raw-frames.js';
import { encodeRequest } from '../support/sds-client.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { asks, STREAM_SECRETS, serveHostile, Victim } from './served.js';

const grpcStatus = (payload: Buffer) => /grpc-status.(\d+)/s.exec(payload.toString('latin1'))?.[1];

const beginnings = [
  { name: 'says nothing', bytes: Buffer.alloc(0), reason: 'silent', limitMs: 10_000 },
  { name: 'says half of the preface', bytes: PREFACE.subarray(0, 12), reason: 'silent', limitMs: 10_000 },
  { name: 'says the preface, and no SETTINGS', bytes: PREFACE, reason: 'silent', limitMs: 10_000 },
  {
    name: 'begins a frame',
    bytes: Buffer.concat([opening(), asks(1).subarray(0, 20)]),
    reason: 'unfinished',
    limitMs: 30_000,
  },
  {
    name: 'begins a header block',
    bytes: Buffer.concat([opening(), encodeFrame(Frame.headers, 0, 1, Buffer.alloc(0))]),
    reason: 'unfinished',
    limitMs: 30_000,
  },
  {
    name: 'begins a DATA frame',
    bytes: Buffer.concat([opening(), callHeaders(1, STREAM_SECRETS), data(1, Buffer.alloc(100)).subarray(0, 50)]),
    reason: 'unfinished',
    limitMs: 30_000,
  },
];

const oversize = [
  { name: 'a length above 1 MiB', content: Buffer.from([0, 0, 0x10, 0, 1]), status: '8' },
  { name: 'a length of 4 GB', content: Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), status: '8' },
  {
    name: '10 000 names',
    content: grpcMessage(encodeRequest({ names: Array.from({ length: 10_000 }, (_, n) => `n${n}`) })),
    status: '3',
  },
  {
    name: 'a name of a megabyte',
    content: grpcMessage(encodeRequest({ names: ['n'.repeat(1_000_000)] })),
    status: '3',
  },
];

for (const via of SOCKET_WAYS) {
  t.test(`row 61: via ${via}: a reader without a window gets only the newest, when it opens one`, async (t) => {
    const served = await serveHostile(t, { via });
    const victim = await Victim.connect(t, served);
    const slow = await served.peer({ greets: false });
    slow.send(opening([[Setting.initialWindowSize, 0]]), asks(1));
    await slow.ping();
    for (let count = 0; count < 100; count += 1) await victim.rotates();
    t.notOk(slow.frames.some(({ type }) => type === Frame.data));
    slow.send(encodeSettings([[Setting.initialWindowSize, 1_000_000]]));
    const { payload } = await slow.frame(({ type }) => type === Frame.data);
    t.match(payload.toString('latin1'), 'leaf 0', 'what had been sent');
    await slow.ping();
    t.equal(slow.frames.filter(({ type }) => type === Frame.data).length, 1, 'and none of the hundred');
  });

  t.test(
    `row 61: via ${via}: a peer that never reads its socket is bounded, and given up after a minute`,
    async (t) => {
      const served = await serveHostile(t, { via });
      const victim = await Victim.connect(t, served);
      // Larger than what the kernel keeps for a peer.
      served.source.set({ large: 'x'.repeat(200_000) });
      const deaf = await served.peer();
      deaf.socket.pause();
      deaf.send(encodeFrame(Frame.windowUpdate, 0, 0, Buffer.from([0x7f, 0, 0, 0])));
      deaf.send(encodeSettings([[Setting.initialWindowSize, 1 << 30]]));
      for (let index = 0; index < 50; index += 1) deaf.send(asks(1 + 2 * index, ['large']));
      await victim.rotates();
      t.equal(served.server.connectionCount, 2);
      served.pass(5000);
      served.pass(59_000);
      t.equal(served.count('unread'), 0);
      await victim.rotates();
      served.pass(1000);
      t.equal(served.count('unread'), 1);
      // A socket of Node.js tells its end some turns later.
      while (served.server.connectionCount > 1) await victim.rotates();
      t.match(served.logger.of('connection given up'), [{ level: 'warn', fields: { reason: 'unread' } }]);
      await victim.rotates();
    },
  );

  t.test(`row 61: via ${via}: a peer that asks and asks, and never reads, is ended with 1 MiB held`, async (t) => {
    const served = await serveHostile(t, { via });
    const victim = await Victim.connect(t, served);
    const deaf = await served.peer();
    deaf.socket.pause();
    for (let index = 0; index < 19_000; index += 1) {
      deaf.send(callHeaders(1 + 2 * index, '/none'));
      if (index % 1000 === 0) await victim.rotates();
    }
    // The kernel keeps some for it, so the flood may be seen first.
    while (served.server.connectionCount > 1) await victim.rotates();
    t.equal(served.count('flood'), 1);
    await victim.rotates();
  });

  t.test(
    `row 62: via ${via}: a request that has begun and does not end is given up after 30 s, its neighbours are not`,
    async (t) => {
      const served = await serveHostile(t, { via });
      const peer = await served.peer();
      const message = grpcMessage(encodeRequest({ names: ['default'] }));
      peer.send(asks(1, ['nothing']), callHeaders(3, STREAM_SECRETS), data(3, message.subarray(0, 2)));
      peer.send(callHeaders(5, STREAM_SECRETS), data(5, message.subarray(0, -1)));
      await peer.ping();
      served.pass(29_000);
      // Another byte is no new beginning.
      peer.send(data(3, message.subarray(2, 3)));
      await peer.ping();
      served.pass(1000);
      for (const id of [3, 5]) {
        const { payload } = await peer.frame(({ type, streamId }) => type === Frame.headers && streamId === id);
        t.equal(grpcStatus(payload), '4', 'DEADLINE_EXCEEDED');
      }
      t.equal(served.sds.status().streams, 1);
      served.pass(60_000);
      t.equal(served.sds.status().streams, 1, 'between messages there is no time');
    },
  );

  for (const { name, bytes, reason, limitMs } of beginnings) {
    t.test(`row 62: via ${via}: who ${name} is given up after ${limitMs / 1000} s`, async (t) => {
      const served = await serveHostile(t, { via });
      const victim = await Victim.connect(t, served);
      const peer = await served.peer({ greets: false });
      peer.send(bytes);
      await victim.rotates();
      served.pass(5000);
      served.pass(limitMs - 1);
      t.equal(served.server.connectionCount, 2);
      await victim.rotates();
      served.pass(1);
      t.equal(await peer.ended(), undefined);
      t.equal(served.count(reason), 1);
      await victim.rotates();
    });
  }

  t.test(`row 62: via ${via}: beginnings of requests are bounded together, and given back`, async (t) => {
    const served = await serveHostile(t, { via });
    const victim = await Victim.connect(t, served);
    const peer = await served.peer();
    // A name of 900 kB, but for its end: nothing that could be thrown away as it comes.
    const begun = grpcMessage(Buffer.concat([Buffer.from([0x1a, 0xa0, 0xf7, 0x36]), Buffer.alloc(900_000, 'n')]));
    for (let index = 0; index < 26; index += 1) {
      const id = 1 + 2 * index;
      peer.send(callHeaders(id, STREAM_SECRETS));
      for (let at = 0; at < 800_000; at += 16_000) {
        peer.send(data(id, begun.subarray(at, at + 16_000)));
        if (at % 160_000 === 0) await peer.ping();
      }
    }
    await peer.ping();
    const refused = peer.frames.filter(({ type, payload }) => type === Frame.headers && grpcStatus(payload) === '8');
    t.ok(refused.length >= 6, `${refused.length} of 26 are refused with RESOURCE_EXHAUSTED`);
    t.ok(refused.length < 26);
    peer.socket.destroy();
    await victim.rotates();
  });

  for (const { name, content, status } of oversize) {
    t.test(`row 63: via ${via}: ${name} ends its stream with ${status}, and no other`, async (t) => {
      const served = await serveHostile(t, { via });
      const victim = await Victim.connect(t, served);
      const peer = await served.peer();
      peer.send(asks(1), callHeaders(3, STREAM_SECRETS));
      for (let at = 0; at < content.length; at += 16_384) {
        peer.send(data(3, content.subarray(at, at + 16_384)));
        if (at % 163_840 === 0) await peer.ping();
      }
      const { payload } = await peer.frame(
        ({ type, streamId, flags }) => type === Frame.headers && streamId === 3 && (flags & 1) !== 0,
      );
      t.equal(grpcStatus(payload), status);
      t.equal(served.sds.status().streams, 2);
      await peer.ping();
      await victim.rotates();
    });
  }

  t.test(`via ${via}: a half that is closed ends the connection: nobody is left to push to`, async (t) => {
    const served = await serveHostile(t, { via });
    const peer = await served.peer();
    peer.send(asks(1));
    await peer.frame(({ type }) => type === Frame.data);
    peer.socket.end();
    t.equal(await peer.ended(), undefined);
    t.equal(served.sds.status().streams, 0);
  });

  t.test(`via ${via}: frames that break the protocol are counted as such`, async (t) => {
    const served = await serveHostile(t, { via });
    const peer = await served.peer();
    peer.send(encodeFrame(Frame.pushPromise, 0, 1, Buffer.alloc(4)));
    t.equal(await peer.ended(), Http2ErrorCode.protocolError);
    t.equal(served.count('protocol'), 1);
  });
}
