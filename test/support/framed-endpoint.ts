import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { RpcChannel } from '../../src/net/grpc/client/channel.js';
import { createGrpcServer, type GrpcServer, openChannel } from '../../src/net/grpc/index.js';
import type { GrpcServerOptions } from '../../src/net/grpc/server/grpc-server.js';
import { listenUnix } from '../../src/net/transport/index.js';
import { type LogFields, silentLogger } from '../../src/telemetry/index.js';
import { shortDir } from './short-dir.js';

interface EndpointOptions extends Partial<Omit<GrpcServerOptions, 'logger'>> {
  readonly via?: 'addon' | 'node';
  /** Adds the methods. */
  readonly methods: (server: GrpcServer) => void;
}

/** A server of gRPC on a Unix socket, with what it warned of; closed with the test. */
export async function serveFramed(t: Test, { via = 'addon', methods, ...options }: EndpointOptions) {
  const path = join(shortDir(t), 's');
  const warnings: { message: string; fields: LogFields | undefined }[] = [];
  const logger = {
    ...silentLogger,
    warn: (message: string, fields?: LogFields) => void warnings.push({ message, fields }),
  };
  const server = createGrpcServer({ logger, maxReceiveBytes: 1 << 20, maxConcurrentStreams: 10_000, ...options });
  methods(server);
  const onWire = server.attach.bind(server);
  const listener = await listenUnix({ path, mode: 0o600, backlog: 4096, via, onWire, logger: silentLogger });
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  return {
    path,
    server,
    listener,
    warnings,
    /** A client of grpc-js, on a connection of its own. */
    open(): RpcChannel {
      const channel = openChannel({ unix: path });
      t.teardown(() => channel.close());
      return channel;
    },
    /** A client of bare HTTP/2, that sends what no client of gRPC would. */
    bare(settings = {}): ClientHttp2Session {
      const session = connectHttp2('http://localhost', {
        createConnection: () => connect(path),
        settings,
        // In MB: of ours, so that it is the server's limits that are met.
        maxSessionMemory: 1000,
      });
      session.on('error', () => {});
      t.teardown(() => session.destroy());
      return session;
    },
  };
}
