import { dialUnix } from '../../transport/index.js';
import { type GrpcClient, Http2GrpcClient } from './http2-grpc-client.js';

/** Over a Unix socket, which has no name of its own. (gRPC, "Naming": `unix:`) Dials at once. The caller closes it. */
export function openUnixGrpcClient(path: string): GrpcClient {
  return new Http2GrpcClient({ authority: 'localhost', dial: (events) => dialUnix(path, events) });
}
