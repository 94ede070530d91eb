/**
 * rpc: gRPC as this project needs it. Listeners that we own and a server that is handed their sockets, a client channel, the status of
 * each error code, and the messages generated from `proto/` (`npm run proto`). Messages pass as bytes; codecs live in the rooms.
 */
export { type ChannelTarget, openChannel, type RpcChannel, type UnaryOptions } from './channel.js';
export { type CallEvents, FRAME_PREFIX_BYTES, type FramedCall, writeFramePrefix } from './framed-call.js';
export { createFramedServer, type FramedServer, type FramedServerOptions } from './framed-server.js';
export { envoy, google, grpc as grpcMessages, istio } from './gen/messages.js';
export { connectionOf, createGrpcServer, type GrpcServer, type GrpcServerOptions } from './grpc-server.js';
export { addHealthMethod, healthService, type Service } from './health-service.js';
export { listenPlain, type PlainListenerOptions } from './plain-listener.js';
export { type RawMethod, type RawUnaryCall, rawMethod } from './raw-method.js';
export { GRPC_STATUS, type StatusText, toStatusObject } from './status.js';
export { listenTls, type TlsCertificate, type TlsListener, type TlsListenerOptions } from './tls-listener.js';
export { type Listener, listenUnix, type UnixListenerOptions } from './unix-listener.js';
