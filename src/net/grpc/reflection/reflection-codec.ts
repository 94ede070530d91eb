/**
 * What is needed of reflection when it is asked for, and not before: loaded at the first request (./reflection-methods.ts), and
 * a file of its own in what ships.
 */
// Not by its index: that one loads definitions from files and takes a server of grpc-js. This class alone knows the answers.
import { ReflectionV1Implementation } from '@grpc/reflection/build/src/implementations/reflection-v1.js';
import { status } from '../status-code.js';
import { fileDescriptors } from './gen/descriptors.js';
import { grpc } from './gen/reflection.js';
import { filesOf } from './service-files.js';

const { ServerReflectionRequest, ServerReflectionResponse } = grpc.reflection.v1;

type Request = grpc.reflection.v1.ServerReflectionRequest;
type Response = grpc.reflection.v1.ServerReflectionResponse.$Properties;

/** The answer to a `ServerReflectionRequest`; `undefined` when the bytes are none. */
export type AnswerReflection = (request: Buffer) => Buffer | undefined;

/**
 * Reflection of our file descriptors, for a server that has these `services`: of their files and no others. v1 and v1alpha
 * differ in their names alone.
 */
export function reflectionOf(services: readonly string[]): AnswerReflection {
  // Of a definition that grpc-js would load it looks at this property alone.
  const files = { fileDescriptorProtos: filesOf(services, fileDescriptors) };
  const definition = { files } as unknown as ConstructorParameters<typeof ReflectionV1Implementation>[0];
  const known = new ReflectionV1Implementation(definition, { services: [...services] });
  return (bytes) => {
    const request = read(bytes);
    if (request === undefined) return undefined;
    const answer = isInherited(request) ? notFound(request) : answerOf(known, request);
    return Buffer.from(ServerReflectionResponse.encode(answer).finish());
  };
}

function read(bytes: Buffer): Request | undefined {
  try {
    return ServerReflectionRequest.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Its types are of the same messages, as another generator has them: with other ways to leave a field out. */
function answerOf(known: ReflectionV1Implementation, request: Request): Response {
  type Theirs = Parameters<ReflectionV1Implementation['handleServerReflectionRequest']>[0];
  return known.handleServerReflectionRequest(request as Theirs) as Response;
}

/** It looks names up in plain objects, where each finds `constructor` and its like. */
function isInherited({ fileByFilename, fileContainingSymbol, ...others }: Request): boolean {
  const { allExtensionNumbersOfType, fileContainingExtension } = others;
  const extended = [allExtensionNumbersOfType, fileContainingExtension?.containingType];
  return [fileByFilename, fileContainingSymbol, ...extended].some((name) => name != null && name in Object.prototype);
}

function notFound(request: Request): Response {
  const errorResponse = { errorCode: status.NOT_FOUND, errorMessage: 'Not found' };
  return { validHost: request.host, originalRequest: request, errorResponse };
}
