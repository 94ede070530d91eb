import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { CancelSignal } from '../../../cancellation/index.js';

/** Where a channel leads: plain text over a Unix socket. */
export interface ChannelTarget {
  readonly unix: string;
}

export interface UnaryOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: CancelSignal;
}

/** One HTTP/2 connection to one peer, dialled at the first call and again after it is lost. */
export interface RpcChannel {
  /** One call with the bytes of its messages. Rejects with a grpc-js `ServiceError`, whose `code` is the status. */
  unary(path: string, request: Buffer, options: UnaryOptions): Promise<Buffer>;
  /** A stream with the bytes of its messages. Its `error` event must be heard. */
  bidi(
    path: string,
    options?: { readonly metadata?: Readonly<Record<string, string>> },
  ): ClientDuplexStream<Buffer, Buffer>;
  /** Ends the connection and what runs on it. Safe to call twice. */
  close(): void;
}

const OPTIONS: ChannelOptions = {
  // An `http_proxy` variable must not lead identity traffic elsewhere.
  'grpc.enable_http_proxy': 0,
  // Who calls decides what is worth another try; two layers of retries multiply.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
  // A channel's connection is its own, so that close really ends it.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
};

/** Opens a channel; nothing is dialled before the first call. */
export function openChannel(target: ChannelTarget): RpcChannel {
  const client = unixClient(target.unix);
  return {
    unary: (path, request, options) => unary(client, path, request, options),
    bidi: (path, options) =>
      client.makeBidiStreamRequest(path, passThrough, passThrough, metadataOf(options?.metadata)),
    close: () => client.close(),
  };
}

function unixClient(path: string): Client {
  return new Client(`unix:${path}`, credentials.createInsecure(), {
    ...OPTIONS,
    'grpc.default_authority': 'localhost',
  });
}

function unary(client: Client, path: string, request: Buffer, options: UnaryOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const call = client.makeUnaryRequest(
      path,
      passThrough,
      passThrough,
      request,
      metadataOf(options.metadata),
      { deadline: options.deadlineMs },
      (error: ServiceError | null, response?: Buffer) => {
        signal?.delete(call);
        if (error !== null) reject(error);
        else resolve(response ?? Buffer.alloc(0));
      },
    );
    signal?.add(call);
  });
}

/** Takes and gives the same Buffer: messages pass through grpc-js as the bytes on the wire. */
function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

function metadataOf(values: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}
