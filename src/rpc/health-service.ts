import type { FramedServer } from './framed-server.js';
import { grpc } from './gen/messages.js';
import { serviceName } from './health-request.js';
import { addHealthWatch, type HealthWatches } from './health-watch.js';
import { status } from './status-code.js';
import { addUnaryMethod } from './unary-method.js';

const { HealthCheckResponse } = grpc.health.v1;
const { SERVING, NOT_SERVING } = HealthCheckResponse.ServingStatus;

/**
 * The standard health check. It knows the server as a whole (service `''`); any other name is NOT_FOUND. The streaming part is
 * {@link addHealthWatch}. (gRPC Health Checking Protocol, "Service Definition")
 */
export function addHealthMethods(server: Pick<FramedServer, 'addMethod'>, isServing: () => boolean): HealthWatches {
  addUnaryMethod(server, '/grpc.health.v1.Health/Check', (request, call) => {
    if (serviceName(request) === '') {
      call.answer(Buffer.from(HealthCheckResponse.encode({ status: isServing() ? SERVING : NOT_SERVING }).finish()));
    } else {
      call.refuse({ code: status.NOT_FOUND, details: 'unknown service' });
    }
  });
  return addHealthWatch(server, isServing);
}
