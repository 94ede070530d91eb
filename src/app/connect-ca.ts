import { type CaClient, createCaClient } from '../agent/ca-client/index.js';
import type { CertificateIssuer } from '../agent/identity/index.js';
import type { AgentConfig } from '../config/index.js';
import { addressText } from './address-text.js';
import type { AppContext } from './running-app.js';

/** Where the CA is, and as which cluster it is asked. */
export type CaSettings = Pick<AgentConfig, 'caAddress' | 'caRootFile' | 'caServerName' | 'clusterId'>;

/** The client of the CA. Dials at its first call. Loads gRPC. */
export function connectCa(
  { caAddress, caRootFile, caServerName, clusterId }: CaSettings,
  { logger, now, random }: AppContext,
): CertificateIssuer & Pick<CaClient, 'agreement' | 'onConnectionLost' | 'close'> {
  return createCaClient({
    address: addressText(caAddress),
    rootFile: caRootFile,
    ...(caServerName !== undefined && { serverName: caServerName }),
    clusterId,
    logger,
    now,
    random,
  });
}
