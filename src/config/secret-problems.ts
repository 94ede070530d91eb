import { isAbsolute, normalize } from 'node:path';
import type { TrustDomain } from '../pki/spiffe/index.js';
import type { SecretConfig } from './secret-options.js';

/** QAT's own limit. (envoy: qat.proto, "poll_delay") */
const MIN_QAT_DELAY_NS = 1_000_000;

/** What no single setting of the secrets shows. One text per problem. */
export function secretProblems(config: SecretConfig & { readonly trustDomain: TrustDomain }): string[] {
  return [...collidingNames(config), ...collidingDomains(config), ...filesOutside(config), ...delayTooShort(config)];
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

function collidingDomains({ federatedBundles, trustDomain }: Parameters<typeof secretProblems>[0]): string[] {
  const seen = new Set([trustDomain.name]);
  return federatedBundles.flatMap(({ name }) => {
    if (seen.has(name))
      return [`--federated-bundle: got ${JSON.stringify(name)} again, expected each trust domain once`];
    seen.add(name);
    return [];
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
