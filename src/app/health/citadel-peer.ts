/** What only the check of a Citadel loads: TLS. */
import { readRoot } from '../../agent/ca-client/index.js';
import type { HealthConfig } from '../../config/index.js';
import type { UnaryPeer } from '../../net/grpc/index.js';
import { dialTls, readPeer } from '../../net/transport/index.js';
import { addressText } from '../../text/index.js';

/** Where Citadel is, and how it is dialled. @throws Error: the roots cannot be read, or no address is given. */
export async function citadelPeer(config: HealthConfig): Promise<UnaryPeer> {
  const { address, caRootFile, serverName } = config;
  if (address === undefined || caRootFile === undefined) throw new TypeError('health: neither socket nor address');
  const rootPem = await readRoot({ rootFile: caRootFile });
  const target = { address: addressText(address), rootPem, ...(serverName !== undefined && { serverName }) };
  return { authority: readPeer(target).authority, dial: (events) => dialTls(target, events) };
}
