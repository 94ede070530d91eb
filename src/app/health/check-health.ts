import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { HealthConfig } from '../../config/index.js';
import { type ChannelTarget, grpcMessages, openChannel } from '../../rpc/index.js';
import { addressText } from '../address-text.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;

const CHECK_PATH = '/grpc.health.v1.Health/Check';

/** One health check over the standard gRPC protocol. (gRPC Health Checking Protocol) */
export async function checkHealth(config: HealthConfig): Promise<{ isServing: boolean; detail: string }> {
  const channel = openChannel(await targetOf(config));
  try {
    const request = Buffer.from(HealthCheckRequest.encode({}).finish());
    const answer = await channel.unary(CHECK_PATH, request, { deadlineMs: Date.now() + config.timeoutMs });
    const serving = HealthCheckResponse.decode(answer).status;
    const isServing = serving === HealthCheckResponse.ServingStatus.SERVING;
    return { isServing, detail: HealthCheckResponse.ServingStatus[serving] ?? `status ${serving}` };
  } catch (error) {
    return { isServing: false, detail: describe(error) };
  } finally {
    channel.close();
  }
}

async function targetOf(config: HealthConfig): Promise<ChannelTarget> {
  const { socket, address, caRootFile, serverName } = config;
  if (socket !== undefined) return { unix: socket };
  if (address === undefined || caRootFile === undefined) throw new TypeError('health: neither socket nor address');
  const rootPem = await readFile(caRootFile);
  return { tls: { address: addressText(address), rootPem, ...(serverName !== undefined && { serverName }) } };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'number' ? `${status[error.code]}: ${error.message}` : error.message;
}
