/**
 * rpc: gRPC as this project needs it. Listeners that we own and a server that is handed their sockets, a client channel, the status of
 * each error code, and the messages generated from `proto/` (`npm run proto`). Messages pass as bytes; codecs live in the rooms.
 */
export { type ChannelTarget, openChannel, type RpcChannel, type UnaryOptions } from './channel.js';
export { envoy, google, grpc as grpcMessages, istio } from './gen/messages.js';
export { connectionOf, createGrpcServer, type GrpcServer, type GrpcServerOptions } from './grpc-server.js';
export { healthService, type Service } from './health-service.js';
export { type RawBidiCall, type RawMethod, type RawUnaryCall, rawMethod } from './raw-method.js';
export { GRPC_STATUS, type StatusText, toStatusObject } from './status.js';
export { listenTls, type TlsCertificate, type TlsListener, type TlsListenerOptions } from './tls-listener.js';
export { type Listener, listenUnix, type UnixListenerOptions } from './unix-listener.js';
