import {
  type DialNetwork,
  dialTls,
  readPeer,
  type TlsAgreement,
  type TlsTarget,
  tlsAgreement,
} from '../../transport/index.js';
import { type GrpcClient, type GrpcClientOptions, Http2GrpcClient, type UnaryPeer } from './http2-grpc-client.js';

export interface TlsGrpcClientOptions extends GrpcClientOptions {
  readonly network?: DialNetwork;
  /** It is there; with what its handshake has agreed on. Called once at most. */
  readonly onConnected?: (agreement: TlsAgreement) => void;
}

/** Over TLS. Dials at once. The caller closes it. */
export function openGrpcClient(
  target: TlsTarget,
  { network, onConnected, onLost }: TlsGrpcClientOptions = {},
): GrpcClient {
  const { authority } = readPeer(target);
  const dial: UnaryPeer['dial'] = (events) =>
    dialTls(
      target,
      {
        onConnected(socket) {
          onConnected?.(tlsAgreement(socket));
          events.onConnected(socket);
        },
        onFailed: (failure) => events.onFailed(failure),
      },
      network,
    );
  return new Http2GrpcClient({ authority, dial }, { onLost });
}
