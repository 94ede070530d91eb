import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Flag,
  Frame,
  Setting,
} from '../../src/net/http2/index.js';
import { callHeaders, data, grpcMessage, opening, ping, reset, windowUpdate } from '../support/raw-frames.js';
import { encodeRequest } from '../support/sds-client.js';
import { REFLECTION, STREAM_SECRETS } from './served.js';

/** In [0, 1). */
export type Random = () => number;

export const ECHO = '/fuzz.Echo/Stream';

const PATHS = [STREAM_SECRETS, STREAM_SECRETS, ECHO, ECHO, REFLECTION, '/grpc.health.v1.Health/Check', '/none'];
const WINDOWS = [0, 1, 100, 65_535, 2 ** 31 - 1];
const WORDS = [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /v3/discovery:secrets HTTP/1.1\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nXX',
  '\n',
  '',
];
/** The beginning of a TLS 1.3 ClientHello. (RFC 8446 §4.1.2) */
const TLS_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

export function oneOf<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

export function randomBytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: below(random, most) }, () => below(random, 256)));
}

/** A gRPC message, as a rule a request; sometimes of a wrong length, compressed, cut off or none at all. */
function message(random: Random): Buffer {
  const whole = grpcMessage(
    encodeRequest({
      names: Array.from({ length: below(random, 3) }, () => oneOf(random, ['default', 'ROOTCA', 'none', ''])),
      nonce: oneOf(random, ['', 'stale']),
      ...(random() < 0.3 ? { error: 'rejected' } : {}),
      ...(random() < 0.3 ? { nodeId: 'n'.repeat(below(random, 2000)) } : {}),
    }),
  );
  const kind = random();
  if (kind < 0.7) return whole;
  if (kind < 0.8) return whole.subarray(0, below(random, whole.length));
  if (kind < 0.85) return Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
  if (kind < 0.9) return Buffer.concat([Buffer.of(1), whole.subarray(1)]);
  return grpcMessage(randomBytes(random, 50));
}

function padded(bytes: Buffer, padding: number): Buffer {
  return Buffer.concat([Buffer.of(padding), bytes, Buffer.alloc(padding)]);
}

/** One step that a client may take, on a stream that has begun, or on another one. */
function step(random: Random, streamId: number): Buffer[] {
  switch (below(random, 16)) {
    case 0:
      return [ping()];
    case 1:
      return [encodeSettings([[Setting.initialWindowSize, oneOf(random, WINDOWS)]])];
    case 2:
      return [encodeSettings([[oneOf(random, [2, 4, 5, 9]), below(random, 2 ** 17)]])];
    case 3:
      return [windowUpdate(oneOf(random, [0, streamId]), 1 + below(random, 2 ** 20))];
    case 4:
      return [reset(streamId, below(random, 14))];
    case 5:
      return [encodeFrame(Frame.priority, 0, streamId, Buffer.from([0, 0, 0, below(random, 5), 1]))];
    case 6:
      return [data(streamId, Buffer.alloc(0), random() < 0.5)];
    case 7:
      return [encodeFrame(Frame.data, Flag.padded, streamId, padded(message(random), below(random, 20)))];
    case 8:
      return [encodeHeaders(streamId, encodeHeaderBlock([['trailer', 'x']]), 16_384, true)];
    case 9: {
      const block = encodeHeaderBlock([
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', ECHO],
        ['content-type', 'application/grpc'],
      ]);
      return [encodeHeaders(streamId + 2, block, 1 + below(random, block.length))];
    }
    case 10:
      return [
        encodeFrame(below(random, 256), below(random, 256), oneOf(random, [0, streamId]), randomBytes(random, 40)),
      ];
    default: {
      const bytes = message(random);
      const cut = below(random, bytes.length + 1);
      return [data(streamId, bytes.subarray(0, cut)), data(streamId, bytes.subarray(cut), random() < 0.1)];
    }
  }
}

/** What a client says from connect to its end: HTTP/2 that is right, or nearly. */
function conversation(random: Random): Buffer {
  const parts: Buffer[] = [opening()];
  let streamId = 1;
  for (let count = 1 + below(random, 12); count > 0; count -= 1) {
    if (streamId === 1 || random() < 0.2) {
      parts.push(callHeaders(streamId, oneOf(random, PATHS)));
      streamId += 2;
    }
    parts.push(...step(random, Math.max(1, streamId - 2)));
  }
  return Buffer.concat(parts);
}

/** `bytes` with some of them changed, left out, repeated or put elsewhere. */
export function mutated(random: Random, bytes: Buffer): Buffer {
  const at = below(random, bytes.length);
  const end = Math.min(bytes.length, at + 1 + below(random, 40));
  switch (below(random, 6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random, 40), bytes.subarray(at)]);
    default: {
      const copy = Buffer.from(bytes);
      copy[at] = random() < 0.5 ? below(random, 256) : (copy[at] ?? 0) ^ (1 << below(random, 8));
      return copy;
    }
  }
}

/** All that one peer sends: most often a conversation with one to four mutations, else something foreign. */
export function hostileBytes(random: Random): Buffer {
  const kind = random();
  if (kind < 0.02) return Buffer.concat([TLS_HELLO, randomBytes(random, 200)]);
  if (kind < 0.04) return Buffer.from(oneOf(random, WORDS) + randomBytes(random, 40).toString('latin1'), 'latin1');
  if (kind < 0.06) return randomBytes(random, 300);
  let bytes = conversation(random);
  if (kind < 0.3) return bytes;
  for (let count = 1 + below(random, 4); count > 0 && bytes.length > 0; count -= 1) bytes = mutated(random, bytes);
  return bytes;
}
