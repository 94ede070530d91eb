import type { GrpcCall } from '../server/grpc-call.js';
import type { GrpcServer } from '../server/grpc-server.js';
import type { AnswerReflection } from './reflection-codec.js';
import { ReflectionStream, type ReflectionStreamParts } from './reflection-stream.js';
import { RequestRate } from './request-rate.js';

const METHODS = ['v1', 'v1alpha'].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);

/** A tool asks for some ten names. An answer is at most 5 kB and takes some 15 µs. */
const MAX_REQUESTS_PER_SECOND = 1000;

/** Reflection that a server offers. */
export interface Reflection {
  /** Ends all streams with OK, as before a shutdown: a tool keeps its own open as long as it runs. */
  endAllStreams(): void;
}

/**
 * Adds server reflection, v1 and v1alpha: it tells of all services that have a method here, of their messages, and of
 * what these may hold. What knows the answers is loaded with the first request. (gRPC, "Server Reflection Protocol")
 */
export function addReflectionMethods(
  server: Pick<GrpcServer, 'addMethod' | 'methodPaths'>,
  { now = () => performance.now() }: { readonly now?: () => number } = {},
): Reflection {
  const streams = new Set<ReflectionStream>();
  const rate = new RequestRate(MAX_REQUESTS_PER_SECOND, now);
  let answers: Promise<AnswerReflection> | undefined;
  const parts: ReflectionStreamParts = {
    answers: () => {
      answers ??= loadAnswers(servicesOf(server.methodPaths));
      return answers;
    },
    admits: () => rate.allows(),
    onGone: (stream) => void streams.delete(stream),
  };
  const open = (call: GrpcCall): void => void streams.add(new ReflectionStream(call, parts));
  for (const path of METHODS) server.addMethod(path, open, { pot: 'reflection' });
  return {
    endAllStreams() {
      for (const stream of streams) stream.end();
    },
  };
}

async function loadAnswers(services: readonly string[]): Promise<AnswerReflection> {
  const { reflectionOf } = await import('./reflection-codec.js');
  return reflectionOf(services);
}

/** Of `/package.Service/Method`. */
function servicesOf(paths: Iterable<string>): string[] {
  return [...new Set([...paths].map((path) => path.slice(1, path.lastIndexOf('/'))))];
}
