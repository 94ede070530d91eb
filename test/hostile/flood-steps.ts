import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  Http2ErrorCode,
  Setting,
} from '../../src/net/http2/index.js';
import { callHeaders, callsOf, data, grpcMessage, ping, reset, windowUpdate } from '../support/raw-frames.js';
import { encodeRequest } from '../support/sds-client.js';
import type { FloodedWay } from './flooded.js';
import { STREAM_SECRETS } from './served.js';

const NOTHING = Buffer.alloc(0);

/** One write: more than is read of a connection at a time. */
const WRITE_BYTES = 64 * 1024;

export interface Flood {
  readonly name: string;
  /** What stands before it; stream 1 is open then. */
  readonly prelude?: (method: string) => Buffer;
  /** What the `at`-th step sends. */
  readonly step: (at: number, method: string) => Buffer;
  /** So many of them are more than is put up with; or, with `isWork`, are answered. */
  readonly steps: number;
  /** It is what honest peers send, too, so that it is not ended, and only takes its turns. */
  readonly isWork?: true;
  /** For one of both servers alone: the method matters. */
  readonly only?: FloodedWay['kind'];
  /** What ends it, where that is something else than that it is a flood. */
  readonly code?: number;
}

const repeated = (hex: string, count: number) => Buffer.alloc((hex.length / 2) * count, Buffer.from(hex, 'hex'));

/** `:method: POST`, `:scheme: https`, `:path: /x`. */
const HEAD = '838704022f78';
const block = (hex: string, count: number) => Buffer.concat([Buffer.from(HEAD, 'hex'), repeated(hex, count)]);
const blockOf = (bytes: Buffer) => (at: number) => encodeHeaders(3 + 2 * at, bytes, 16_384, true);

const fields = encodeHeaderBlock([
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/x'],
  ...Array.from({ length: 1900 }, () => ['a', ''] as const),
]);

/** A value of 20 kB that no field may have: the request is malformed. (RFC 9113 §8.2.1) */
const zeros = Buffer.concat([Buffer.from(`${HEAD}0001617fa19b01`, 'hex'), Buffer.alloc(20_000)]);

/** 20 kB of Huffman code: `0` is 00000. (RFC 7541 Appendix B) */
const huffman = Buffer.concat([Buffer.from(`${HEAD}000161ffa19b01`, 'hex'), Buffer.alloc(20_000)]);

const namesFrom = (letter: string) => Array.from({ length: 2048 }, (_, index) => `${letter}${index}`);
const requestOf = (names: readonly string[], nonce: string) => {
  const message = grpcMessage(encodeRequest({ names, nonce }));
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += 16_384) parts.push(data(1, message.subarray(at, at + 16_384)));
  return Buffer.concat(parts);
};
const manyNames = ['a', 'b'].map((letter) => requestOf(namesFrom(letter), ''));

/** Streams that are open, with a request that has not come whole. */
const openStreams = (count: number) => (method: string) => {
  const headersOf = callsOf(method);
  return Buffer.concat(Array.from({ length: count }, (_, index) => headersOf(1 + 2 * index)));
};

/** Of the three flooders together as many as one connection may have. */
const openMost = (method: string) => openStreams(method === STREAM_SECRETS ? 3300 : 330)(method);

const windows = [0, 65_535].map((bytes) => encodeSettings([[Setting.initialWindowSize, bytes]]));
const largest = [0, 2 ** 31 - 1].map((bytes) => encodeSettings([[Setting.initialWindowSize, bytes]]));
const of = (buffers: readonly Buffer[], at: number) => buffers[at % buffers.length] ?? NOTHING;

/** Each is more than a server of ours may put up with, or work that takes its turns. */
export const FLOODS: readonly Flood[] = [
  { name: 'PING', step: () => ping(), steps: 25_000 },
  { name: 'answers to PINGs', step: () => encodeFrame(Frame.ping, Flag.ack, 0, Buffer.alloc(8)), steps: 25_000 },
  { name: 'SETTINGS', step: () => encodeSettings([]), steps: 25_000 },
  {
    name: 'SETTINGS of 2 700 entries',
    step: () => encodeSettings(Array.from({ length: 2700 }, (_, at) => [7 + at, at])),
    steps: 600,
  },
  {
    name: 'SETTINGS of the initial window over as many streams as a connection may have',
    prelude: openMost,
    step: (at) => of(windows, at),
    steps: 25_000,
  },
  {
    name: 'SETTINGS of the largest window over as many streams as a connection may have',
    prelude: openMost,
    step: (at) => of(largest, at),
    steps: 25_000,
  },
  {
    name: 'SETTINGS of the largest window, behind a stream that had more than it allows',
    prelude: openStreams(900),
    step: (at, method) =>
      Buffer.concat([
        callHeaders(2001 + 2 * at, method),
        windowUpdate(2001 + 2 * at, 1000),
        reset(2001 + 2 * at),
        ...largest,
        of(largest, 0),
      ]),
    steps: 500,
  },
  { name: 'WINDOW_UPDATE', step: () => windowUpdate(0, 1), steps: 25_000 },
  { name: 'WINDOW_UPDATE of a stream', step: () => windowUpdate(1, 1), steps: 25_000 },
  { name: 'empty DATA', step: () => data(1, NOTHING), steps: 25_000 },
  { name: 'empty DATA with padding', step: () => encodeFrame(Frame.data, Flag.padded, 1, Buffer.of(0)), steps: 25_000 },
  {
    name: 'DATA of one octet',
    prelude: (method) => Buffer.concat([callHeaders(1, method), data(1, Buffer.from([0, 0, 0, 0xf0, 0]))]),
    step: () => data(1, Buffer.of(0x0a)),
    steps: 60_000,
    isWork: true,
  },
  { name: 'empty messages', step: () => data(1, grpcMessage(NOTHING)), steps: 25_000, only: 'agent' },
  { name: 'PRIORITY', step: () => encodeFrame(Frame.priority, 0, 1, Buffer.from([0, 0, 0, 9, 1])), steps: 25_000 },
  { name: 'unknown frames', step: () => encodeFrame(0xbb, 0, 1, NOTHING), steps: 25_000 },
  { name: 'GOAWAY', step: () => encodeFrame(Frame.goAway, 0, 0, Buffer.alloc(8)), steps: 25_000 },
  {
    name: 'rapid reset',
    step: (at, method) => Buffer.concat([callHeaders(3 + 2 * at, method), reset(3 + 2 * at)]),
    steps: 12_000,
  },
  { name: 'calls of no method', step: (at) => callHeaders(3 + 2 * at, '/none'), steps: 25_000 },
  { name: 'malformed requests', step: (at) => callHeaders(3 + 2 * at, '', [['Bad', '']]), steps: 12_000 },
  { name: 'requests that are not gRPC', step: blockOf(Buffer.from(HEAD, 'hex')), steps: 25_000 },
  {
    name: 'header blocks in 30 parts',
    step: (at) =>
      Buffer.concat([
        encodeFrame(Frame.headers, Flag.endStream, 3 + 2 * at, Buffer.from(HEAD, 'hex')),
        ...Array.from({ length: 29 }, () => encodeFrame(Frame.continuation, 0, 3 + 2 * at, NOTHING)),
        encodeFrame(Frame.continuation, Flag.endHeaders, 3 + 2 * at, NOTHING),
      ]),
    steps: 1000,
  },
  { name: 'header lists of 1 900 fields', step: blockOf(fields), steps: 500 },
  { name: 'header blocks of 4 000 insertions', step: blockOf(block('40016100', 4000)), steps: 250 },
  { name: 'header blocks of 4 000 indexes', step: blockOf(block('82', 4000)), steps: 250 },
  { name: 'header blocks with a value of zeros', step: blockOf(zeros), steps: 300, isWork: true },
  { name: 'header blocks of Huffman code', step: blockOf(huffman), steps: 300, isWork: true },
  { name: 'requests of one name', step: () => requestOf(['default'], 'stale'), steps: 25_000, only: 'agent' },
  { name: 'requests of 2 048 names', step: (at) => of(manyNames, at), steps: 1600, only: 'agent' },
  {
    // Added up without a bound, 0 times 128^160 is NaN: above no limit, and no sum is above it.
    name: 'header blocks of 20 000 insertions behind a size of the table whose integer has 160 octets of zeros',
    step: blockOf(Buffer.concat([Buffer.from(`3f${'80'.repeat(160)}00`, 'hex'), block('40016100', 20_000)])),
    steps: 12,
    code: Http2ErrorCode.compressionError,
  },
  {
    name: 'header blocks of 20 000 insertions behind the largest size of the table that is allowed',
    step: blockOf(Buffer.concat([Buffer.from('3fe11f', 'hex'), block('40016100', 20_000)])),
    steps: 12,
    code: Http2ErrorCode.compressionError,
  },
];

/** All that a flooder says, in writes of {@link WRITE_BYTES} or of one step. */
export function writesOf({ step, steps }: Flood, method: string): Buffer[] {
  const writes: Buffer[] = [];
  let parts: Buffer[] = [];
  let bytes = 0;
  for (let at = 0; at < steps; at += 1) {
    const part = step(at, method);
    parts.push(part);
    bytes += part.length;
    if (bytes < WRITE_BYTES && at < steps - 1) continue;
    writes.push(Buffer.concat(parts));
    parts = [];
    bytes = 0;
  }
  return writes;
}
