import { dialPlain, readPeer } from '../../transport/index.js';
import { type GrpcClient, type GrpcClientOptions, Http2GrpcClient } from './http2-grpc-client.js';

export interface PlainGrpcClientOptions extends GrpcClientOptions {
  /** It is there. Called once at most. */
  readonly onConnected?: () => void;
}

/**
 * Over TCP without TLS, at `host:port`: for a peer whom the way to it protects. Dials at once. The caller closes it.
 */
export function openPlainGrpcClient(address: string, { onLost, onConnected }: PlainGrpcClientOptions = {}): GrpcClient {
  const { authority } = readPeer({ address });
  return new Http2GrpcClient(
    {
      authority,
      dial: (events) =>
        dialPlain(address, {
          onConnected(socket) {
            onConnected?.();
            events.onConnected(socket);
          },
          onFailed: (failure) => events.onFailed(failure),
        }),
    },
    { onLost },
  );
}
