import { isIP } from 'node:net';
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { AddressCredentials } from './address-credentials.js';
import { passThrough } from './raw-method.js';

/** Where a channel leads: TLS verified against `rootPem` only, or plain text over a Unix socket. */
export type ChannelTarget =
  | { readonly tls: { readonly address: string; readonly rootPem: Buffer; readonly serverName?: string } }
  | { readonly unix: string };

export interface UnaryOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
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
  // A channel's connection is its own, so that close really ends it and a new root takes effect.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // Finds a dead peer while a call waits. istiod forbids pings faster than 15 s and without a call. (reference: Istio 3.1, 8)
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 0,
};

/** Opens a channel; nothing is dialled before the first call. */
export function openChannel(target: ChannelTarget): RpcChannel {
  const client = 'unix' in target ? unixClient(target.unix) : tlsClient(target.tls);
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

function tlsClient({
  address,
  rootPem,
  serverName,
}: {
  address: string;
  rootPem: Buffer;
  serverName?: string;
}): Client {
  const named =
    serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
  const peerName = serverName ?? hostOf(address);
  const tls = isIP(peerName) === 0 ? credentials.createSsl(rootPem) : new AddressCredentials(peerName, rootPem);
  return new Client(dialTarget(address), tls, { ...OPTIONS, ...named });
}

/** An IP address is named as such, so that no resolver is asked for it. */
function dialTarget(address: string): string {
  const family = isIP(hostOf(address));
  return family === 0 ? `dns:///${address}` : `ipv${family}:${address}`;
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function unary(client: Client, path: string, request: Buffer, options: UnaryOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const cancel = (): void => call.cancel();
    const call = client.makeUnaryRequest(
      path,
      passThrough,
      passThrough,
      request,
      metadataOf(options.metadata),
      { deadline: options.deadlineMs },
      (error: ServiceError | null, response?: Buffer) => {
        signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(error);
        else resolve(response ?? Buffer.alloc(0));
      },
    );
    if (signal?.aborted) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}

function metadataOf(values: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}
