/**
 * net/grpc: gRPC as this project needs it. A server that is handed its sockets, a client of one connection, the status
 * of each error code, health, reflection, and the ledger of what peers make us hold. Messages pass as bytes; codecs
 * live in the rooms.
 */

export { CallFailure } from './client/call-failure.js';
export { openChannel } from './client/channel.js';
export { openGrpcClient } from './client/grpc-client.js';
export { type GrpcClient, openGrpcClientTo, type UnaryPeer } from './client/http2-grpc-client.js';
export { openPlainGrpcClient } from './client/plain-grpc-client.js';
export { openUnixGrpcClient } from './client/unix-grpc-client.js';
export { askHealth, readServingStatus } from './health/health-answer.js';
export { addHealthMethods } from './health/health-service.js';
export { addReflectionMethods } from './reflection/reflection-methods.js';
export { type CallEvents, FRAME_PREFIX_BYTES, type GrpcCall, writeFramePrefix } from './server/grpc-call.js';
export { type ArrivingCall, type CountedConnection, createGrpcServer, type GrpcServer } from './server/grpc-server.js';
export type { GrpcServerMetrics } from './server/server-counters.js';
export { addUnaryMethod, type ServedCall, type UnaryMethod } from './server/unary-method.js';
export { type StatusText, toStatusObject } from './status.js';
export { status } from './status-code.js';
