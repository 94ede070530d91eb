/**
 * net/grpc: gRPC as this project needs it. A server that is handed its sockets, a client of one connection, the status of each
 * error code, health, reflection, and the ledger of what peers make us hold. Messages pass as bytes; codecs live in the rooms.
 */

export { CallFailure } from './client/call-failure.js';
export { openChannel } from './client/channel.js';
export type { UnaryConnection } from './client/http2-unary-connection.js';
export { openUnaryConnection } from './client/unary-connection.js';
export { openUnixUnaryConnection } from './client/unix-unary-connection.js';
export { readServingStatus } from './health/health-answer.js';
export { addHealthMethods } from './health/health-service.js';
export { addReflectionMethods } from './reflection/reflection-methods.js';
export { type CallEvents, FRAME_PREFIX_BYTES, type FramedCall, writeFramePrefix } from './server/framed-call.js';
export { type CountedConnection, createFramedServer, type FramedServer } from './server/framed-server.js';
export { addUnaryMethod, type ServedCall, type UnaryMethod } from './server/unary-method.js';
export { type StatusText, toStatusObject } from './status.js';
export { status } from './status-code.js';
