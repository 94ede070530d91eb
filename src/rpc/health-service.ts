import { type handleUnaryCall, type ServiceDefinition, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { grpc } from './gen/messages.js';
import { rawMethod } from './raw-method.js';

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;

/** A service as {@link GrpcServer.addService} takes it. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/**
 * The standard health check, unary part. It knows the server as a whole (service `''`); any other name is NOT_FOUND.
 * (gRPC Health Checking Protocol, "Service Definition")
 */
export function healthService(isServing: () => boolean): Service {
  const check: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    if (serviceName(call.request) !== '') {
      callback({ code: status.NOT_FOUND, details: 'unknown service' });
      return;
    }
    const answer = isServing()
      ? HealthCheckResponse.ServingStatus.SERVING
      : HealthCheckResponse.ServingStatus.NOT_SERVING;
    callback(null, Buffer.from(HealthCheckResponse.encode({ status: answer }).finish()));
  };
  return {
    definition: { Check: rawMethod('/grpc.health.v1.Health/Check', 'unary') },
    implementation: { Check: check },
  };
}

/** The name asked for; a request that does not parse names a service that we do not have. */
function serviceName(request: Buffer): string | undefined {
  try {
    return HealthCheckRequest.decode(request).service;
  } catch {
    return undefined;
  }
}
