import { connect } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  PREFACE,
} from '../../../src/net/http2/index.js';
import { Asked, MemoryClient } from '../../net/http2/asked.js';
import { ping } from '../../support/raw-frames.js';
import { MemoryDuplex } from './memory-duplex.js';
import { LAST_PING, type Outcome, outcomeOf } from './verdict.js';

/** What our client announces. */
const SETTINGS = { enablePush: false, initialWindowSize: 1024 * 1024, maxHeaderListSize: 64 * 1024 };
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

const REQUESTS = 4;
const CANCELLED = 3;

/** The requests of every conversation, by what has come of their answers when the step comes. */
export const CLIENT_STREAMS = {
  connection: 0,
  'without an answer': 1,
  'with the head of its answer': 3,
  'that is answered': 5,
  cancelled: 7,
  'that never began': 9,
  'of the server': 2,
} as const;

const head = (streamId: number, isLast = false) =>
  encodeHeaders(streamId, encodeHeaderBlock([[':status', '200']]), 16_384, isLast);

/** Its answers come behind the client's ACK, so that both clients have seen the settings. */
const PRELUDE = Buffer.concat([encodeSettings([]), head(3), head(5, true)]);

export async function playOurClient(step: Buffer): Promise<Outcome> {
  const client = new MemoryClient();
  client.connection.open();
  const all = Array.from({ length: REQUESTS }, () => new Asked('x'));
  const streams = all.map((one) => client.connection.request(one));
  client.feed(PRELUDE);
  const cancelled = streams[CANCELLED];
  if (cancelled !== undefined) client.connection.cancel(cancelled);
  await client.takeFrames();
  client.feed(step, ping(LAST_PING));
  const frames = await client.takeFrames();
  const served = all.map(({ told }) => told.filter((text) => text.startsWith('head')).length).join();
  const isEnded = client.ends.length > 0;
  if (client.ends.some((reason) => /error/i.test(reason))) throw new Error(`a bug: ${client.ends.join()}`);
  client.connection.close();
  return outcomeOf(frames, { isEnded, served });
}

export async function playNghttp2Client(step: Buffer): Promise<Outcome> {
  const duplex = new MemoryDuplex(PREFACE.length);
  const session = connect('http://localhost', { createConnection: () => duplex, settings: SETTINGS });
  session.on('error', () => {});
  await nextTurn();
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  const heads: number[] = Array<number>(REQUESTS).fill(0);
  const requests = heads.map((_, index) => {
    const request = session.request({ ':path': '/a', ':method': 'POST' });
    request.on('error', () => {});
    request.on('response', () => {
      heads[index] = (heads[index] ?? 0) + 1;
    });
    request.resume();
    request.end('x');
    return request;
  });
  const areSent = (frames: readonly { type: number; flags: number }[]) =>
    frames.filter(({ type, flags }) => type === Frame.data && (flags & Flag.endStream) !== 0).length === REQUESTS;
  if (!areSent(await duplex.frames(areSent))) throw new Error('nghttp2 does not send its requests');
  duplex.feed(PRELUDE);
  await nextTurn();
  requests[CANCELLED]?.close(8);
  const isReset = (frames: readonly { type: number }[]) => frames.some(({ type }) => type === Frame.resetStream);
  if (!isReset(await duplex.frames(isReset))) throw new Error('nghttp2 does not cancel its request');
  duplex.feed(Buffer.concat([step, ping(LAST_PING)]));
  const frames = await duplex.frames();
  // What came is told in a later turn than the answer to the PING.
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  const outcome = outcomeOf(frames, { isEnded: duplex.isOver, served: heads.join() });
  session.destroy();
  duplex.destroy();
  return outcome;
}
