/** What only the check of a Citadel loads: TLS. */
import { readRoot } from '../../agent/ca-client/index.js';
import type { HealthConfig } from '../../config/index.js';
import { type GrpcClient, openGrpcClient } from '../../net/grpc/index.js';
import { addressText } from '../../text/index.js';

/** @throws Error: the roots cannot be read, or no address is given. */
export async function connectToCitadel(config: HealthConfig): Promise<GrpcClient> {
  const { address, caRootFile, serverName } = config;
  if (address === undefined || caRootFile === undefined) throw new TypeError('health: neither socket nor address');
  const rootPem = await readRoot({ rootFile: caRootFile });
  return openGrpcClient({
    address: addressText(address),
    rootPem,
    ...(serverName !== undefined && { serverName }),
  });
}
