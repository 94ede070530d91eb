import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  Frame,
  type HeaderField,
} from '../../src/net/http2/index.js';
import { data, grpcMessage, ping } from '../support/raw-frames.js';

// A CA that does its worst: a thread of its own, so that its work is not taken for that of its client.

/** What it sends on each connection: once, and then again and again as fast as its client reads. */
interface Attack {
  /** Bytes of TCP, without TLS. */
  readonly isPlain?: boolean;
  readonly first?: readonly Buffer[];
  readonly again?: readonly Buffer[];
  /** Between two of them. */
  readonly pauseMs?: number;
  /** Hangs up behind the first. */
  readonly hangsUp?: boolean;
}

const NOTHING = Buffer.alloc(0);
/** That of the first call. */
const STREAM = 1;
const head = (fields: readonly HeaderField[], isLast = false): Buffer =>
  encodeHeaders(STREAM, encodeHeaderBlock(fields), 16_384, isLast);
const GRPC: readonly HeaderField[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const OK = head(GRPC);
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes));
const inFrames = (message: Buffer): Buffer[] => {
  const framed = grpcMessage(message);
  const frames: Buffer[] = [];
  for (let at = 0; at < framed.length; at += 16_384) frames.push(data(STREAM, framed.subarray(at, at + 16_384)));
  return [...frames, head([['grpc-status', '0']], true)];
};
const element = (bytes: Buffer): Buffer => {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.of(0x0a, ...length, rest), bytes]);
};
/** A field of 4 kB goes into the table, then 2 000 references to it: a list of 8 MB in 6 kB. (RFC 7541 §2.3.2) */
const BOMB = Buffer.concat([Buffer.from('884001787f901e', 'hex'), Buffer.alloc(3983, 'x'), Buffer.alloc(2000, 0xbe)]);
const block = (bytes: Buffer): Buffer => encodeFrame(Frame.headers, 4, STREAM, bytes);

export const ATTACKS = {
  'content without end': { first: [OK], again: [data(STREAM, Buffer.alloc(16_384))] },
  'content by the byte': { first: [OK], again: [times(1000, data(STREAM, Buffer.of(0)))] },
  'empty content': { first: [OK], again: [times(1000, data(STREAM, NOTHING))] },
  'content that nobody wants any more': {
    first: [OK, data(STREAM, Buffer.from('00ffffffff', 'hex'))],
    again: [data(STREAM, Buffer.alloc(16_384))],
  },
  'a message of 4 GB': { first: [OK, data(STREAM, Buffer.from('00ffffffff', 'hex'))] },
  'interim responses': { again: [times(100, head([[':status', '103']]))] },
  'interim responses of 60 kB': {
    again: [
      head([
        [':status', '103'],
        ['x', 'x'.repeat(60_000)],
      ]),
    ],
  },
  'a header block without end': {
    first: [encodeFrame(Frame.headers, 0, STREAM, NOTHING)],
    again: [encodeFrame(Frame.continuation, 0, STREAM, Buffer.alloc(1000, 0x40))],
  },
  'header blocks that grow a hundredfold': { again: [block(BOMB)] },
  'a status text of 60 kB': {
    first: [head([...GRPC, ['grpc-status', '14'], ['grpc-message', '%1B'.repeat(20_000)]], true)],
  },
  'half a million empty elements': { first: [OK, ...inFrames(times(500_000, Buffer.of(0x0a, 0)))] },
  'elements of empty PEM blocks': {
    first: [
      OK,
      ...inFrames(
        Buffer.concat([
          element(times(1000, Buffer.from('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'))),
          element(times(19_000, Buffer.from('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'))),
        ]),
      ),
    ],
  },
  'beginnings of PEM blocks': {
    first: [
      OK,
      ...inFrames(
        Buffer.concat([
          element(Buffer.from('x')),
          element(times(37_000, Buffer.from('-----BEGIN CERTIFICATE-----\n'))),
        ]),
      ),
    ],
  },
  PINGs: { again: [times(1000, ping())] },
  SETTINGS: {
    again: [
      times(
        1000,
        encodeSettings([
          [4, 1],
          [4, 65_535],
        ]),
      ),
    ],
  },
  'a refusal of each stream': { first: [encodeFrame(Frame.resetStream, 0, STREAM, Buffer.of(0, 0, 0, 7))] },
  'leave at once': { first: [encodeFrame(Frame.goAway, 0, 0, Buffer.alloc(8))], hangsUp: true },
  'one byte at a time': { again: [Buffer.of(0)], pauseMs: 20 },
  'text without TLS': { isPlain: true, again: [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(100))] },
  'nothing, not even TLS': { isPlain: true },
} as const satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof typeof ATTACKS;

/** Of its server. */
export interface HostileCaData {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

function attackBy(socket: Socket, attack: Attack): void {
  const { first = [], again = [], pauseMs = 0, hangsUp = false } = attack;
  socket.on('error', () => {});
  socket.write(Buffer.concat(attack.isPlain === true ? first : [encodeSettings([]), ...first]));
  if (hangsUp) socket.end();
  if (again.length === 0) return;
  const bytes = Buffer.concat(again);
  const go = (): void => {
    if (socket.destroyed) return;
    if (pauseMs > 0) {
      socket.write(bytes);
      setTimeout(go, pauseMs);
    } else if (socket.write(bytes)) setImmediate(go);
    else socket.once('drain', go);
  };
  go();
}

async function serve(attack: Attack, { cert, key }: HostileCaData): Promise<number> {
  const server: Server =
    attack.isPlain === true
      ? createTcpServer((socket) => attackBy(socket, attack))
      : createTlsServer({ cert: Buffer.from(cert), key: Buffer.from(key), ALPNProtocols: ['h2'] }, (socket) => {
          socket.on('error', () => {});
          // Behind the request: what it answers has begun by then.
          const seen: Buffer[] = [];
          const onData = (bytes: Buffer): void => {
            seen.push(bytes);
            if (!Buffer.concat(seen).includes('CERTIFICATE REQUEST')) return;
            socket.off('data', onData).resume();
            attackBy(socket, attack);
          };
          socket.on('data', onData);
        });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return Object(server.address()).port;
}

/** Where each of them is. */
export type HostilePorts = Readonly<Record<string, number>>;

if (parentPort !== null) {
  const ports: Record<string, number> = {};
  for (const [name, attack] of Object.entries(ATTACKS)) ports[name] = await serve(attack, workerData as HostileCaData);
  parentPort.postMessage(ports satisfies HostilePorts);
}
