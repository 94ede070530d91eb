import { resolve } from 'node:path';

const GRPCIO = '1.85.1';

/**
 * Python's gRPC, which is the C core that Envoy's google_grpc uses: a client that shares no code with ours. With its client
 * of reflection, and what that reads descriptors by.
 */
export const GRPC_CORE = {
  name: `grpcio ${GRPCIO}`,
  directory: resolve('.cache/grpc-core', `${GRPCIO}-reflection`),
  packages: [`grpcio==${GRPCIO}`, `grpcio-reflection==${GRPCIO}`, 'protobuf==7.36.2'],
};
