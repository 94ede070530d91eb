import type { HealthConfig } from '../../config/index.js';
import { type GrpcClient, openUnixGrpcClient, readServingStatus, status } from '../../net/grpc/index.js';

const CHECK_PATH = '/grpc.health.v1.Health/Check';

/** A `HealthCheckRequest` for the server as a whole: the empty name, which is not written. */
const REQUEST = Buffer.alloc(0);

/** An answer has two bytes. */
const MAX_ANSWER_BYTES = 1024;

/**
 * One health check over the standard gRPC protocol. (gRPC Health Checking Protocol) A probe runs it every few seconds,
 * as a process: so it loads what it needs and nothing else.
 */
export async function checkHealth(config: HealthConfig): Promise<{ isServing: boolean; detail: string }> {
  let peer: GrpcClient | undefined;
  try {
    peer = await connectTo(config);
    const limits = { deadlineMs: Date.now() + config.timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES };
    const serving = readServingStatus(await peer.unary(CHECK_PATH, REQUEST, limits));
    return { isServing: serving === 'SERVING', detail: serving };
  } catch (error) {
    return { isServing: false, detail: describe(error) };
  } finally {
    peer?.close();
  }
}

async function connectTo(config: HealthConfig): Promise<GrpcClient> {
  if (config.socket !== undefined) return openUnixGrpcClient(config.socket);
  const { connectToCitadel } = await import('./citadel-peer.js');
  return connectToCitadel(config);
}

/** A failure of a call has the status as number and the details apart. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('code' in error && typeof error.code === 'number' && 'details' in error)) return error.message;
  return `${status[error.code]}: ${error.details}`;
}
