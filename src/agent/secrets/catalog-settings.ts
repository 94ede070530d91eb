import type { SpiffeId } from '../../pki/spiffe/index.js';
import type { PrivateKeyProvider, UriMatcher } from './secret-codec.js';

/** A resource name, and the file that has its content. */
export interface NamedSecretFile {
  readonly name: string;
  readonly file: string;
}

/** Where another trust domain publishes its bundle. */
export interface FederatedEndpoint {
  readonly trustDomain: string;
  /** `https://`. */
  readonly url: string;
  /** That of its server, in the profile `https_spiffe`; `undefined` in `https_web`. */
  readonly spiffeId: SpiffeId | undefined;
}

/** What an operator decides of the secrets that an agent serves. */
export interface CatalogSettings {
  /** By what names a workload's certificate, its bundle, and all bundles are asked for. */
  readonly certificateNames: readonly string[];
  readonly bundleNames: readonly string[];
  readonly allBundlesNames: readonly string[];
  /** `undefined`: none are served. */
  readonly sessionTicketKeysName?: string | undefined;
  /** By trust domain. */
  readonly federatedBundles: readonly NamedSecretFile[];
  /** Each trust domain once; some of them may have a file as well. */
  readonly federatedEndpoints?: readonly FederatedEndpoint[];
  readonly genericSecrets?: readonly NamedSecretFile[] | undefined;
  /** Revocation lists; a path. */
  readonly crlFile?: string | undefined;
  /** What `file-cert` and `file-root` may name. */
  readonly secretDirectories?: readonly string[] | undefined;
  /** The SPIFFE IDs of peers that a workload accepts. */
  readonly peerSans: readonly UriMatcher[];
  readonly privateKeyProvider?: PrivateKeyProvider['name'] | undefined;
  readonly privateKeyPollDelayNs: number;
  readonly privateKeyFallback: boolean;
}

/** The names that come out of the settings, and not out of requests: metrics and status may call them. */
export function configuredNames(settings: CatalogSettings): readonly string[] {
  const { certificateNames, bundleNames, allBundlesNames, sessionTicketKeysName, genericSecrets = [] } = settings;
  const ticketKeys = sessionTicketKeysName === undefined ? [] : [sessionTicketKeysName];
  return [
    ...certificateNames,
    ...bundleNames,
    ...allBundlesNames,
    ...ticketKeys,
    ...genericSecrets.map(({ name }) => name),
  ];
}

/** Who is to do the private key's operations; `undefined` for Envoy's own. */
export function privateKeyProviderOf(settings: CatalogSettings): PrivateKeyProvider | undefined {
  const { privateKeyProvider: name, privateKeyPollDelayNs: pollDelayNs, privateKeyFallback: fallback } = settings;
  return name ? { name, pollDelayNs, fallback } : undefined;
}
