/**
 * What is needed of reflection when it is asked for, and not before: loaded at the first request
 * (./reflection-methods.ts), and a file of its own in what ships.
 */
import { status } from '../status-code.js';
import { fileDescriptors } from './gen/descriptors.js';
import { grpc } from './gen/reflection.js';
import { type FilesByName, filesOf, withImports } from './service-files.js';

const { ServerReflectionRequest, ServerReflectionResponse } = grpc.reflection.v1;

type Request = grpc.reflection.v1.ServerReflectionRequest;
type Response = grpc.reflection.v1.ServerReflectionResponse.$Properties;

/** The answer to a `ServerReflectionRequest`; `undefined` when the bytes are none. */
export type AnswerReflection = (request: Buffer) => Buffer | undefined;

interface Known {
  readonly services: readonly string[];
  readonly files: FilesByName;
  /** The names of files by the full names of what they declare. */
  readonly fileOf: ReadonlyMap<string, string>;
}

/**
 * Reflection of our file descriptors, for a server that has these `services`: of their files and no others. v1 and
 * v1alpha differ in their names alone.
 */
export function reflectionOf(services: readonly string[]): AnswerReflection {
  const files = filesOf(services, fileDescriptors);
  const declared = [...files.values()];
  const known: Known = {
    services: declared.flatMap((file) => file.services.filter((service) => services.includes(service))),
    files,
    fileOf: new Map(declared.flatMap(({ name, symbols }) => symbols.map((symbol) => [symbol, name]))),
  };
  return (bytes) => {
    const request = read(bytes);
    if (request === undefined) return undefined;
    const answer = { validHost: request.host, originalRequest: request, ...answerTo(request, known) };
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

/** (grpc/reflection/v1/reflection.proto) */
function answerTo(request: Request, { services, files, fileOf }: Known): Response {
  switch (request.messageRequest) {
    case 'listServices':
      return { listServicesResponse: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return fileAnswer(request.fileByFilename ?? '', files);
    case 'fileContainingSymbol':
      return fileAnswer(fileOf.get(request.fileContainingSymbol ?? '') ?? '', files);
    case 'fileContainingExtension':
    case 'allExtensionNumbersOfType':
      // None of our files declares an extension.
      return failure(status.NOT_FOUND, 'no such extension');
    default:
      return failure(status.UNIMPLEMENTED, 'no such question');
  }
}

/** The file with all that it imports: clients that have one need the others. */
function fileAnswer(name: string, files: FilesByName): Response {
  const found = withImports(name, files);
  if (found.length === 0) return failure(status.NOT_FOUND, 'no such file or symbol');
  return { fileDescriptorResponse: { fileDescriptorProto: found.map(({ bytes }) => bytes) } };
}

function failure(errorCode: status, errorMessage: string): Response {
  return { errorResponse: { errorCode, errorMessage } };
}
