import { grpcMessages as grpc } from '../../protobuf/index.js';
import type { GrpcServer } from '../server/grpc-server.js';
import { addUnaryMethod, type UnaryMethod } from '../server/unary-method.js';
import { status } from '../status-code.js';
import { serviceName } from './health-request.js';
import { addHealthWatch, type HealthWatches } from './health-watch.js';

const { HealthCheckResponse, HealthListResponse } = grpc.health.v1;
const { SERVING, NOT_SERVING } = HealthCheckResponse.ServingStatus;

/**
 * The standard health check. It knows the server as a whole (service `''`), and lists that alone; any other name is
 * NOT_FOUND. The streaming part is {@link addHealthWatch}. (gRPC Health Checking Protocol, "Service Definition"; gRFC
 * A90)
 */
export function addHealthMethods(server: Pick<GrpcServer, 'addMethod'>, isServing: () => boolean): HealthWatches {
  const check: UnaryMethod = (request, call) => {
    if (serviceName(request) === '') {
      call.answer(Buffer.from(HealthCheckResponse.encode({ status: isServing() ? SERVING : NOT_SERVING }).finish()));
    } else {
      call.refuse({ code: status.NOT_FOUND, details: 'unknown service' });
    }
  };
  addUnaryMethod(server, '/grpc.health.v1.Health/Check', check, { pot: 'health' });
  // Its request has no fields, and whatever stands there is no reason to refuse it.
  const list: UnaryMethod = (_request, call) => {
    const statuses = { '': { status: isServing() ? SERVING : NOT_SERVING } };
    call.answer(Buffer.from(HealthListResponse.encode({ statuses }).finish()));
  };
  addUnaryMethod(server, '/grpc.health.v1.Health/List', list, { pot: 'health' });
  return addHealthWatch(server, isServing);
}
