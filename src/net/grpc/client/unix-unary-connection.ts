import { dialUnix } from '../../transport/index.js';
import { Http2UnaryConnection, type UnaryConnection } from './http2-unary-connection.js';

/** Over a Unix socket, which has no name of its own. (gRPC, "Naming": `unix:`) Dials at once. The caller closes it. */
export function openUnixUnaryConnection(path: string): UnaryConnection {
  return new Http2UnaryConnection({ authority: 'localhost', dial: (events) => dialUnix(path, events) });
}
