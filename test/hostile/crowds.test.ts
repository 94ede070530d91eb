import t from 'tap';
import { Frame } from '../../src/net/http2/index.js';
import { callHeaders, data, grpcMessage, windowUpdate } from '../support/raw-frames.js';
import type { RawPeer } from '../support/raw-peer.js';
import { encodeRequest } from '../support/sds-client.js';
import { SOCKET_WAYS } from '../support/socket-ways.js';
import { asks, STREAM_SECRETS, serveHostile } from './served.js';

/** Of a real token, which has 1 to 2 kB. */
const TOKEN = `Bearer ${'t'.repeat(1500)}`;

/** The streams on which content has come. */
function answered({ frames }: RawPeer): Set<number> {
  return new Set(frames.filter(({ type }) => type === Frame.data).map(({ streamId }) => streamId));
}

/** As that of a real Envoy: nearly all of it is in its node. */
function largeRequest(): Buffer {
  const junk = Buffer.alloc(55_000, 'm');
  const metadata = Buffer.concat([lengthOf(0x1a, junk.length), junk]);
  const node = Buffer.concat([Buffer.from('0a03726177', 'hex'), metadata]);
  return grpcMessage(Buffer.concat([lengthOf(0x12, node.length), node, encodeRequest({ names: ['default'] })]));
}

/** The key of a field, and the length of what stands in it. (Protocol Buffers, "Encoding") */
function lengthOf(key: number, length: number): Buffer {
  return Buffer.from([key, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]);
}

for (const via of SOCKET_WAYS) {
  t.test(`via ${via}: a gateway asks on 4 000 streams of one connection, and its token takes its time`, async (t) => {
    const served = await serveHostile(t, { via });
    let admit = (): void => {};
    const admitted = new Promise<void>((resolve) => {
      admit = resolve;
    });
    served.source.admit = () => admitted;
    const gateway = await served.peer();
    gateway.send(windowUpdate(0, 2 ** 30));
    for (let index = 0; index < 4000; index += 1) {
      const id = 1 + 2 * index;
      gateway.send(callHeaders(id, STREAM_SECRETS, [['authorization', TOKEN]]));
      gateway.send(asks(id).subarray(callHeaders(id, STREAM_SECRETS).length));
      if (index % 500 === 0) await gateway.ping();
    }
    await gateway.ping();
    t.equal(served.sds.status().streams, 4000, 'all of them wait');
    admit();
    await gateway.until(() => gateway.frames.length >= 8000 && answered(gateway).size === 4000);
  });

  t.test(`via ${via}: a gateway asks for 2 000 secrets on one stream`, async (t) => {
    const served = await serveHostile(t, { via });
    const names = Array.from({ length: 2000 }, (_, index) => `kubernetes://certificate-${index}`);
    served.source.set(Object.fromEntries(names.map((name) => [name, `leaf of ${name}`])));
    const gateway = await served.peer();
    const request = grpcMessage(encodeRequest({ names, nodeId: 'gateway' }));
    gateway.send(callHeaders(1, STREAM_SECRETS));
    for (let at = 0; at < request.length; at += 16_384) gateway.send(data(1, request.subarray(at, at + 16_384)));
    await gateway.frame(({ type }) => type === Frame.data);
    t.equal(served.sds.status().streams, 1);
  });

  t.test(`via ${via}: 5 000 Envoys come at once, each with a first request of 55 kB`, async (t) => {
    const served = await serveHostile(t, { via });
    const request = largeRequest();
    const first = [callHeaders(1, STREAM_SECRETS)];
    for (let at = 0; at < request.length; at += 16_384) first.push(data(1, request.subarray(at, at + 16_384)));
    const bytes = Buffer.concat(first);
    const envoys: RawPeer[] = [];
    // The kernel keeps 4 096 connections that nobody has accepted, and the agent is this process, too: it must get to
    // its turn.
    while (envoys.length < 5000) {
      envoys.push(...(await Promise.all(Array.from({ length: 1000 }, () => served.peer()))));
      await envoys.at(-1)?.ping();
    }
    for (const envoy of envoys) envoy.send(bytes);
    await Promise.all(envoys.map((envoy) => envoy.frame(({ type }) => type === Frame.data)));
    t.equal(served.sds.status().streams, 5000);
    for (const envoy of envoys) envoy.leave();
  });
}
