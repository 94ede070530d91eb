/**
 * rpc: gRPC as this project needs it. Listeners that we own and a server that is handed their sockets, a client channel, the status of
 * each error code, and the messages generated from `proto/` (`npm run proto`). Messages pass as bytes; codecs live in the rooms.
 */
export { CallFailure } from './call-failure.js';
export { type ChannelTarget, openChannel, type RpcChannel, type UnaryOptions } from './channel.js';
export { type Every, everyUnreferenced } from './every.js';
export { type CallEvents, FRAME_PREFIX_BYTES, type FramedCall, writeFramePrefix } from './framed-call.js';
export { createFramedServer, type FramedServer, type FramedServerOptions } from './framed-server.js';
export { addUnaryMethod, framed, type UnaryAnswer, type UnaryCaller } from './framed-unary.js';
export { envoy, google, grpc as grpcMessages, istio } from './gen/messages.js';
export { addHealthMethods, addUnaryHealthMethod } from './health-service.js';
export { addHealthWatch } from './health-watch.js';
export { listenPlain, type PlainListenerOptions } from './plain-listener.js';
export { type RawMethod, rawMethod } from './raw-method.js';
export type { ServedCall, UnaryMethod } from './served-call.js';
export { GRPC_STATUS, type StatusText, toStatusObject } from './status.js';
export { status } from './status-code.js';
export { listenTls, type TlsCertificate, type TlsListener, type TlsListenerOptions } from './tls-listener.js';
export { openUnaryConnection, type UnaryConnection } from './unary-connection.js';
export { createUnaryServer, type UnaryServer, type UnaryServerOptions } from './unary-server.js';
export { type Listener, listenUnix, type UnixListenerOptions } from './unix-listener.js';
