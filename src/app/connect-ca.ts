import {
  type CaClient,
  type CaClientOptions,
  type CaConnectionOptions,
  type ClientCertificateSource,
  createCaClient,
} from '../agent/ca-client/index.js';
import type { CertificateIssuer } from '../agent/identity/index.js';
import type { ConfiguredCa, SecretHeader } from '../config/index.js';
import { Field, type MetricRegistry } from '../telemetry/index.js';
import { addressText } from '../text/index.js';
import type { AppContext } from './running-app.js';

/** Where the CAs are, in the order in which they are asked, and as which cluster. */
export interface CaSettings {
  readonly cas: readonly ConfiguredCa[];
  readonly clusterId: string;
  readonly caHeaders?: readonly SecretHeader[];
  readonly certSigner?: string | undefined;
  /** What the CAs are shown beside a token. */
  readonly clientCertificate?: ClientCertificateSource | undefined;
  /** Of calls for their trust bundles between the certificates; left out, there are none. */
  readonly bundleToken?: CaClientOptions['bundleToken'];
  /** What Envoys do not have yet. */
  readonly unacknowledged?: CaClientOptions['unacknowledged'];
  readonly metrics: MetricRegistry;
}

/** The client of the CAs. Dials at its first call. Loads gRPC. */
export function connectCa(
  settings: CaSettings,
  { logger, now, random }: AppContext,
): CertificateIssuer & Omit<CaClient, 'issue'> {
  const { cas, clusterId, caHeaders = [], certSigner = '', clientCertificate, metrics } = settings;
  const { bundleToken, unacknowledged } = settings;
  for (const ca of cas) {
    if ('isPlaintext' in ca)
      logger.warn('calls to the ca are in plain text', { ...PLAINTEXT, [Field.address]: addressText(ca.address) });
  }
  return createCaClient({
    cas: cas.map((ca) => connectionOf(ca, clientCertificate)),
    headers: Object.fromEntries(caHeaders.map(({ name, value }) => [name, value])),
    ...{ clusterId, certSigner, bundleToken, metrics, logger, now, random },
    ...(unacknowledged !== undefined && { unacknowledged }),
  });
}

const PLAINTEXT = {
  [Field.detail]:
    'the CA is not verified, and others on the way can read the token, use it, and answer with certificates of their own',
};

function connectionOf(ca: ConfiguredCa, clientCertificate: ClientCertificateSource | undefined): CaConnectionOptions {
  const address = addressText(ca.address);
  if ('isPlaintext' in ca) return { address, isPlaintext: true };
  const { rootFile, serverName } = ca;
  return { address, rootFile, clientCertificate, ...(serverName !== undefined && { serverName }) };
}
