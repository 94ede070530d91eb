import { isAbsolute, normalize } from 'node:path';
import type { TrustDomain } from '../pki/spiffe/index.js';
import type { SecretConfig } from './secret-options.js';

/** QAT's own limit. (envoy: qat.proto, "poll_delay") */
const MIN_QAT_DELAY_NS = 1_000_000;

/** What no single setting of the secrets shows. One text per problem. */
export function secretProblems(config: SecretConfig & { readonly trustDomain: TrustDomain }): string[] {
  return [
    ...[...collidingNames(config), ...collidingDomains(config), ...endpointsWithoutRoots(config)],
    ...[...filesOutside(config), ...delayTooShort(config)],
  ];
}

/**
 * Envoy takes a certificate for a name that it wants a bundle for, and then stops verifying its peers: a name has one
 * kind. (reference: SDS 1.9)
 */
function collidingNames(config: SecretConfig): string[] {
  const uses = [
    ...config.certificateNames.map((name) => ({ name, flag: '--certificate-name' })),
    ...config.bundleNames.map((name) => ({ name, flag: '--bundle-name' })),
    ...config.allBundlesNames.map((name) => ({ name, flag: '--all-bundles-name' })),
    ...[config.sessionTicketKeysName ?? []].flat().map((name) => ({ name, flag: '--session-ticket-keys-name' })),
    ...(config.genericSecrets ?? []).map(({ name }) => ({ name, flag: '--generic-secret' })),
  ];
  const first = new Map<string, string>();
  return uses.flatMap(({ name, flag }) => {
    const earlier = first.get(name);
    first.set(name, earlier ?? flag);
    if (earlier === undefined) return [];
    return [`${flag}: got ${JSON.stringify(name)}, expected another name than one of ${earlier}`];
  });
}

type OfDomain = Parameters<typeof secretProblems>[0];

function collidingDomains({ federatedBundles, endpointUrls, endpointIds, trustDomain }: OfDomain): string[] {
  return [
    ...repeated('--federated-bundle', [trustDomain.name, ...federatedBundles.map(({ name }) => name)]),
    ...repeated('--federated-endpoint', [trustDomain.name, ...endpointUrls.map((one) => one.trustDomain)]),
    ...repeated(
      '--federated-endpoint-id',
      endpointIds.map((one) => one.trustDomain),
    ),
  ];
}

function repeated(flag: string, domains: readonly string[]): string[] {
  return domains
    .filter((name, index) => domains.indexOf(name) !== index)
    .map((name) => `${flag}: got ${JSON.stringify(name)} again, expected each trust domain once`);
}

/** The first answer of an endpoint is verified by roots that are there already. (SPIFFE Federation §5.2.2) */
function endpointsWithoutRoots({ federatedBundles, endpointUrls, endpointIds }: OfDomain): string[] {
  return endpointIds.flatMap(({ trustDomain, spiffeId }) => {
    const flag = `--federated-endpoint-id: got ${JSON.stringify(`${trustDomain}=${spiffeId}`)}, expected`;
    const ofId = spiffeId.trustDomain.name;
    return [
      ...(endpointUrls.some((one) => one.trustDomain === trustDomain)
        ? []
        : [`${flag} a --federated-endpoint of ${trustDomain}`]),
      ...(federatedBundles.some(({ name }) => name === ofId)
        ? []
        : [`${flag} a --federated-bundle of ${ofId} to verify its first answer by`]),
    ];
  });
}

/** By their text; where links lead is seen when the file is read. */
function filesOutside({ genericSecrets = [], secretDirectories = [] }: SecretConfig): string[] {
  const isBelow = (file: string): boolean =>
    isAbsolute(file) &&
    secretDirectories.some((one) => normalize(file).startsWith(`${normalize(one).replace(/\/$/, '')}/`));
  return genericSecrets
    .filter(({ file }) => !isBelow(file))
    .map(
      ({ file }) => `--generic-secret: got ${JSON.stringify(file)}, expected a file below a directory of --secret-dir`,
    );
}

function delayTooShort({ privateKeyProvider, privateKeyPollDelayNs }: SecretConfig): string[] {
  if (privateKeyProvider !== 'qat' || privateKeyPollDelayNs >= MIN_QAT_DELAY_NS) return [];
  return [`--private-key-poll-delay: got ${privateKeyPollDelayNs} ns, expected at least 1ms with qat`];
}
