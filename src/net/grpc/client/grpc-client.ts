import { type DialNetwork, dialTls, readPeer, type TlsTarget } from '../../transport/index.js';
import { type GrpcClient, type GrpcClientOptions, Http2GrpcClient } from './http2-grpc-client.js';

/** Over TLS. Dials at once. The caller closes it. */
export function openGrpcClient(
  target: TlsTarget,
  { network, onLost }: GrpcClientOptions & { readonly network?: DialNetwork } = {},
): GrpcClient {
  const { authority } = readPeer(target);
  return new Http2GrpcClient({ authority, dial: (events) => dialTls(target, events, network) }, { onLost });
}
