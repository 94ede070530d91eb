import type { FramedServer } from './framed-server.js';
import { addUnaryMethod, framed, type UnaryAnswer } from './framed-unary.js';
import { grpc } from './gen/messages.js';
import { serviceName } from './health-request.js';
import { addHealthWatch } from './health-watch.js';
import type { StatusText } from './status.js';
import { status } from './status-code.js';
import type { UnaryServer } from './unary-server.js';

const { HealthCheckResponse } = grpc.health.v1;
const { SERVING, NOT_SERVING } = HealthCheckResponse.ServingStatus;

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

/** The same for a server of our own framing, and the streaming part: see {@link addHealthWatch}. */
export function addHealthMethods(server: Pick<FramedServer, 'addMethod'>, isServing: () => boolean): void {
  addUnaryMethod(server, CHECK, (request): UnaryAnswer => {
    const answer = answerTo(request, isServing);
    return Buffer.isBuffer(answer) ? framed(answer) : answer;
  });
  addHealthWatch(server, isServing);
}

function answerTo(request: Buffer, isServing: () => boolean): Buffer | StatusText {
  if (serviceName(request) !== '') return { code: status.NOT_FOUND, details: 'unknown service' };
  return Buffer.from(HealthCheckResponse.encode({ status: isServing() ? SERVING : NOT_SERVING }).finish());
}
