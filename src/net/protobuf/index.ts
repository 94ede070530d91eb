/**
 * net/protobuf: protobuf on the wire. The messages generated from `proto/` (`npm run proto`), and one reader and one
 * writer for what is read and written by hand.
 */

export { envoy, google, grpc as grpcMessages, istio, sidecert } from './gen/messages.js';
export { WireReader } from './wire-reader.js';
export { fieldSizeBytes, textFieldBytes, varintBytes, WireWriter } from './wire-writer.js';
