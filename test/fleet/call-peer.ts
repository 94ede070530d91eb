import { createServer, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2';
import { createServer as createNetServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Call } from '../../src/fleet/calls/call.js';
import { CallConnection, type ConnectionEnd } from '../../src/fleet/calls/call-connection.js';
import type { CallEnd } from '../../src/fleet/calls/call-end.js';
import type { FleetSockets } from '../../src/fleet/sockets/fleet-socket.js';
import { FRAME_PREFIX_BYTES } from '../../src/net/grpc/index.js';
import { encodeHeaderBlock } from '../../src/net/http2/index.js';
import { shortDir } from '../support/short-dir.js';

/** Node's own HTTP/2 server on a Unix socket; closed with the test. */
export async function serveHttp2(
  t: Test,
  onStream: (stream: ServerHttp2Stream, headers: NodeJS.Dict<string | string[]>) => void,
  settings: Settings = {},
) {
  const path = join(shortDir(t), 's');
  const server = createServer({ settings });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { path, sessions };
}

/** A server that says these bytes to whoever has sent something, on a Unix socket; closed with the test. */
export async function serveBytes(t: Test, bytes: Buffer): Promise<string> {
  const path = join(shortDir(t), 's');
  const sockets = new Set<Socket>();
  const server = createNetServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

/** Ends the answer to a call as a gRPC server does. */
export function endCall(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if (!stream.headersSent)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end();
}

/** A gRPC message with its prefix. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** All of the messages in what a server has read. */
export function unframed(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

/** A message as {@link Call.send} takes it. */
export function withRoom(message: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(FRAME_PREFIX_BYTES), message]);
}

/** One of the fleet's connections, with what came over it, closed with the test. */
export async function connectRaw(t: Test, path: string, sockets: FleetSockets) {
  const closes: ConnectionEnd[] = [];
  const waiters: (() => void)[] = [];
  const wake = (): void => {
    for (const waiter of waiters.splice(0)) waiter();
  };
  const endsOfAll: CallEnd[][] = [];
  let pongs = 0;
  let isConnected = false;
  const connection = new CallConnection(path, sockets, {
    connected: () => {
      isConnected = true;
      wake();
    },
    ponged: () => {
      pongs += 1;
      wake();
    },
    closed: (end) => {
      closes.push(end);
      // As an Envoy does for its streams.
      for (const ends of endsOfAll) if (ends.length === 0) ends.push(end);
      wake();
    },
  });
  t.teardown(() => {
    connection.close();
    sockets.close();
  });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  await until(() => isConnected || closes.length > 0);
  return {
    connection,
    closes,
    until,
    pongs: () => pongs,
    open(headers: readonly (readonly [string, string])[] = CALL): RawCall {
      const messages: Buffer[] = [];
      const ends: CallEnd[] = [];
      endsOfAll.push(ends);
      const call = connection.call(encodeHeaderBlock(headers), {
        message: (bytes, start, end) => {
          messages.push(Buffer.from(bytes.subarray(start, end)));
          wake();
        },
        ended: (end) => {
          ends.push(end);
          wake();
        },
      });
      return { call, messages, ends };
    },
  };
}

export interface RawCall {
  readonly call: Call;
  readonly messages: Buffer[];
  readonly ends: CallEnd[];
}

const CALL = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a.Service/Method'],
  [':authority', 'localhost'],
  ['content-type', 'application/grpc'],
] as const;
