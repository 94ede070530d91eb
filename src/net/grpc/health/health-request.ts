import { grpcMessages as grpc } from '../../protobuf/index.js';

const { HealthCheckRequest } = grpc.health.v1;

/** The name asked for; a request that does not parse names a service that we do not have. */
export function serviceName(request: Buffer): string | undefined {
  try {
    return HealthCheckRequest.decode(request).service;
  } catch {
    return undefined;
  }
}
