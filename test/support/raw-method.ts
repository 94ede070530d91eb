import type { MethodDefinition } from '@grpc/grpc-js';

/** A method of grpc-js whose messages are the bytes on the wire. */
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
