import type { HealthConfig } from '../../config/index.js';
import { askHealth, type GrpcClient, openGrpcClientTo, openUnixGrpcClient, status } from '../../net/grpc/index.js';

/**
 * One health check over the standard gRPC protocol. (gRPC Health Checking Protocol) A probe runs it every few seconds,
 * as a process: so it loads what it needs and nothing else.
 */
export async function checkHealth(config: HealthConfig): Promise<{ isServing: boolean; detail: string }> {
  let peer: GrpcClient | undefined;
  try {
    peer = await connectTo(config);
    const serving = await askHealth(peer, config.timeoutMs);
    return { isServing: serving === 'SERVING', detail: serving };
  } catch (error) {
    return { isServing: false, detail: describe(error) };
  } finally {
    peer?.close();
  }
}

async function connectTo(config: HealthConfig): Promise<GrpcClient> {
  if (config.socket !== undefined) return openUnixGrpcClient(config.socket);
  const { citadelPeer } = await import('./citadel-peer.js');
  return openGrpcClientTo(await citadelPeer(config));
}

/** A failure of a call has the status as number and the details apart. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('code' in error && typeof error.code === 'number' && 'details' in error)) return error.message;
  return `${status[error.code]}: ${error.details}`;
}
