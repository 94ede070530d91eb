import { readRoot } from '../../ca-client/index.js';
import type { HealthConfig } from '../../config/index.js';
import { grpcMessages, openChannel, openUnaryConnection, status, type UnaryConnection } from '../../rpc/index.js';
import { addressText } from '../address-text.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;

const CHECK_PATH = '/grpc.health.v1.Health/Check';

/** One health check over the standard gRPC protocol. (gRPC Health Checking Protocol) */
export async function checkHealth(config: HealthConfig): Promise<{ isServing: boolean; detail: string }> {
  let peer: Peer | undefined;
  try {
    peer = await connectTo(config);
    const request = Buffer.from(HealthCheckRequest.encode({}).finish());
    const answer = await peer.unary(CHECK_PATH, request, { deadlineMs: Date.now() + config.timeoutMs });
    const serving = HealthCheckResponse.decode(answer).status;
    const isServing = serving === HealthCheckResponse.ServingStatus.SERVING;
    return { isServing, detail: HealthCheckResponse.ServingStatus[serving] ?? `status ${serving}` };
  } catch (error) {
    return { isServing: false, detail: describe(error) };
  } finally {
    peer?.close();
  }
}

type Peer = Pick<UnaryConnection, 'unary' | 'close'>;

async function connectTo(config: HealthConfig): Promise<Peer> {
  const { socket, address, caRootFile, serverName } = config;
  if (socket !== undefined) return openChannel({ unix: socket });
  if (address === undefined || caRootFile === undefined) throw new TypeError('health: neither socket nor address');
  const rootPem = await readRoot({ rootFile: caRootFile });
  return openUnaryConnection({
    address: addressText(address),
    rootPem,
    ...(serverName !== undefined && { serverName }),
  });
}

/** Both kinds of failure, grpc-js's and our own, have the status as number and the details apart. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('code' in error && typeof error.code === 'number' && 'details' in error)) return error.message;
  return `${status[error.code]}: ${error.details}`;
}
