import { type CaClient, createCaClient } from '../agent/ca-client/index.js';
import type { CertificateIssuer } from '../agent/identity/index.js';
import type { CaHeader, ConfiguredCa } from '../config/index.js';
import type { MetricRegistry } from '../telemetry/index.js';
import { addressText } from './address-text.js';
import type { AppContext } from './running-app.js';

/** Where the CAs are, in the order in which they are asked, and as which cluster. */
export interface CaSettings {
  readonly cas: readonly ConfiguredCa[];
  readonly clusterId: string;
  readonly caHeaders?: readonly CaHeader[];
  readonly certSigner?: string | undefined;
  readonly metrics: MetricRegistry;
}

/** The client of the CAs. Dials at its first call. Loads gRPC. */
export function connectCa(
  { cas, clusterId, caHeaders = [], certSigner = '', metrics }: CaSettings,
  { logger, now, random }: AppContext,
): CertificateIssuer & Omit<CaClient, 'issue'> {
  return createCaClient({
    cas: cas.map(({ address, rootFile, serverName }) => {
      return { address: addressText(address), rootFile, ...(serverName !== undefined && { serverName }) };
    }),
    headers: Object.fromEntries(caHeaders.map(({ name, value }) => [name, value])),
    ...{ clusterId, certSigner, metrics, logger, now, random },
  });
}
