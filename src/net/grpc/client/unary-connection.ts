import { type DialNetwork, dialTls, readPeer, type TlsTarget } from '../../transport/index.js';
import { Http2UnaryConnection, type UnaryConnection, type UnaryConnectionOptions } from './http2-unary-connection.js';

/** Over TLS. Dials at once. The caller closes it. */
export function openUnaryConnection(
  target: TlsTarget,
  { network, onLost }: UnaryConnectionOptions & { readonly network?: DialNetwork } = {},
): UnaryConnection {
  const { authority } = readPeer(target);
  return new Http2UnaryConnection({ authority, dial: (events) => dialTls(target, events, network) }, { onLost });
}
