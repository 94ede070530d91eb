import type { MethodDefinition } from '@grpc/grpc-js';

/** A method whose messages pass through grpc-js as the bytes on the wire: codecs belong to the rooms, not to the transport. */
export type RawMethod = MethodDefinition<Buffer, Buffer>;

/** The definition of the method at `path`, such as `/package.Service/Method`. */
export function rawMethod(path: string, shape: 'unary' | 'bidi'): RawMethod {
  return {
    path,
    requestStream: shape === 'bidi',
    responseStream: shape === 'bidi',
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseSerialize: passThrough,
    responseDeserialize: passThrough,
  };
}

/** Takes and gives the same Buffer. */
export function passThrough(bytes: Buffer): Buffer {
  return bytes;
}
