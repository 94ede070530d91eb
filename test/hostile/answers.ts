import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  type HeaderField,
  Setting,
} from '../../src/net/http2/index.js';
import { data, grpcMessage, ping, reset, windowUpdate } from '../support/raw-frames.js';
import { below, mutated, oneOf, type Random, randomBytes } from './conversations.js';

const HEADS: readonly (readonly HeaderField[])[] = [
  [[':status', '200']],
  [
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ],
  [[':status', '103']],
  [
    [':status', '503'],
    ['content-type', 'text/html'],
  ],
  [
    [':status', '200'],
    ['content-length', '9'],
  ],
  [['x', 'y']],
  [
    [':status', '200'],
    ['grpc-status', '7'],
    ['grpc-message', 'no%'],
  ],
];

const TRAILERS: readonly HeaderField[] = [['grpc-status', '0']];

/** `x: y` into the dynamic table; its first entry; one that it has not. (RFC 7541 §6) */
const CODED = ['884001780179', '88be', '88ff', '3fe11f88', '3f'].map((hex) => Buffer.from(hex, 'hex'));

function head(random: Random, streamId: number): Buffer {
  const block = random() < 0.2 ? oneOf(random, CODED) : encodeHeaderBlock(oneOf(random, HEADS));
  return encodeHeaders(streamId, block, random() < 0.1 ? 1 + below(random, 5) : 16_384, random() < 0.1);
}

function whole(random: Random, streamId: number): Buffer[] {
  const message = grpcMessage(randomBytes(random, 300));
  const cut = below(random, message.length);
  return [
    encodeHeaders(streamId, encodeHeaderBlock([[':status', '200']]), 16_384),
    data(streamId, message.subarray(0, cut)),
    data(streamId, message.subarray(cut)),
    encodeHeaders(streamId, encodeHeaderBlock(TRAILERS), 16_384, true),
  ];
}

/** One step that a server may take. */
function step(random: Random, streamId: number): Buffer[] {
  switch (below(random, 14)) {
    case 0:
      return [ping(), encodeFrame(Frame.ping, Flag.ack, 0, Buffer.from('sidecert'))];
    case 1:
      return [encodeSettings([[oneOf(random, [1, 2, 3, 4, 5, 9]), below(random, 2 ** 17)]])];
    case 2:
      return [encodeSettings([[Setting.maxConcurrentStreams, below(random, 4)]])];
    case 3:
      return [windowUpdate(oneOf(random, [0, streamId]), 1 + below(random, 2 ** 20))];
    case 4:
      return [reset(streamId, below(random, 14))];
    case 5:
      return [encodeFrame(Frame.goAway, 0, 0, Buffer.from([0, 0, 0, below(random, 30), 0, 0, 0, below(random, 14)]))];
    case 6:
      return [
        encodeFrame(
          Frame.data,
          Flag.padded,
          streamId,
          Buffer.concat([Buffer.of(below(random, 9)), randomBytes(random, 30)]),
        ),
      ];
    case 7:
      return [
        encodeFrame(below(random, 12), below(random, 256), oneOf(random, [0, streamId]), randomBytes(random, 40)),
      ];
    case 8:
      return [encodeHeaders(streamId, encodeHeaderBlock(TRAILERS), 16_384, random() < 0.8)];
    case 9:
    case 10:
      return [head(random, streamId), data(streamId, randomBytes(random, 100), random() < 0.3)];
    default:
      return whole(random, streamId);
  }
}

/** All that a server says to who has begun `streams`: right, or nearly; most often with one to four mutations. */
export function hostileAnswers(random: Random, streams: number): Buffer {
  if (random() < 0.03) return randomBytes(random, 300);
  const parts: Buffer[] = [encodeSettings(random() < 0.3 ? [[Setting.initialWindowSize, below(random, 10)]] : [])];
  for (let count = 1 + below(random, 20); count > 0; count -= 1) {
    parts.push(...step(random, 1 + 2 * below(random, streams + 1)));
  }
  let bytes: Buffer = Buffer.concat(parts);
  if (random() < 0.4) return bytes;
  for (let count = 1 + below(random, 4); count > 0 && bytes.length > 0; count -= 1) bytes = mutated(random, bytes);
  return bytes;
}
