/**
 * rpc: gRPC as this project needs it. Listeners that we own and a server that is handed their sockets, a client channel, the status of
 * each error code, and the messages generated from `proto/` (`npm run proto`). Messages pass as bytes; codecs live in the rooms.
 */
export { CallFailure } from './call-failure.js';
export { type ChannelTarget, openChannel, type RpcChannel, type UnaryOptions } from './channel.js';
export type { DialNetwork } from './dial/tls-dial.js';
export { type Every, everyUnreferenced } from './every.js';
export { type CallEvents, FRAME_PREFIX_BYTES, type FramedCall, sendMessage, writeFramePrefix } from './framed-call.js';
export {
  createFramedServer,
  type FramedServer,
  type FramedServerOptions,
  type KeepOctets,
  type MethodOptions,
} from './framed-server.js';
export { envoy, google, grpc as grpcMessages, istio } from './gen/messages.js';
export { readServingStatus, type ServingStatus } from './health-answer.js';
export { addHealthMethods } from './health-service.js';
export { addHealthWatch, type HealthWatches } from './health-watch.js';
export type { UnaryConnection } from './http2-unary-connection.js';
export { listenPlain, type PlainListenerOptions } from './plain-listener.js';
export { addReflectionMethods, type Reflection } from './reflection/reflection-methods.js';
export { wiresOf } from './socket-wire.js';
export { GRPC_STATUS, type StatusText, toStatusObject } from './status.js';
export { status } from './status-code.js';
export { listenTls, type TlsCertificate, type TlsListener, type TlsListenerOptions } from './tls-listener.js';
export { TLS_PARAMETERS } from './tls-parameters.js';
export { openUnaryConnection } from './unary-connection.js';
export { addUnaryMethod, type ServedCall, type UnaryMethod } from './unary-method.js';
export { type Listener, listenUnix, type UnixListenerOptions } from './unix-listener.js';
export { openUnixUnaryConnection } from './unix-unary-connection.js';
export { UnsentBytes } from './unsent-bytes.js';
export { WireReader } from './wire-reader.js';
export { fieldBytes, textFieldBytes, varintBytes, WireWriter } from './wire-writer.js';
