import { status } from '@grpc/grpc-js';
import { FRAME_PREFIX_BYTES, type FramedCall, writeFramePrefix } from './framed-call.js';
import type { FramedServer } from './framed-server.js';
import { grpc } from './gen/messages.js';
import type { StatusText } from './status.js';
import type { UnaryServer } from './unary-server.js';

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;

const CHECK = '/grpc.health.v1.Health/Check';

/**
 * The standard health check, unary part. It knows the server as a whole (service `''`); any other name is NOT_FOUND.
 * (gRPC Health Checking Protocol, "Service Definition")
 */
export function addUnaryHealthMethod(server: Pick<UnaryServer, 'addMethod'>, isServing: () => boolean): void {
  server.addMethod(CHECK, (call) => {
    const answer = answerTo(call.request, isServing);
    if (Buffer.isBuffer(answer)) call.answer(answer);
    else call.refuse(answer);
  });
}

/** The same for a server of our own framing. */
export function addHealthMethod(server: Pick<FramedServer, 'addMethod'>, isServing: () => boolean): void {
  server.addMethod(CHECK, (call) => {
    const parts: Buffer[] = [];
    call.listen({
      part(bytes, isLast) {
        parts.push(Buffer.from(bytes));
        if (isLast) answer(call, answerTo(Buffer.concat(parts), isServing));
      },
      halfClosed: () => call.end({ code: status.INVALID_ARGUMENT, details: 'got no message, expected one' }),
      gone: () => {},
    });
  });
}

function answer(call: FramedCall, answer: Buffer | StatusText): void {
  if (!Buffer.isBuffer(answer)) {
    call.end(answer);
    return;
  }
  const prefix = Buffer.alloc(FRAME_PREFIX_BYTES);
  writeFramePrefix(prefix, answer.length);
  call.send(prefix, answer);
  call.end();
}

function answerTo(request: Buffer, isServing: () => boolean): Buffer | StatusText {
  if (serviceName(request) !== '') return { code: status.NOT_FOUND, details: 'unknown service' };
  const { SERVING, NOT_SERVING } = HealthCheckResponse.ServingStatus;
  return Buffer.from(HealthCheckResponse.encode({ status: isServing() ? SERVING : NOT_SERVING }).finish());
}

/** The name asked for; a request that does not parse names a service that we do not have. */
function serviceName(request: Buffer): string | undefined {
  try {
    return HealthCheckRequest.decode(request).service;
  } catch {
    return undefined;
  }
}
