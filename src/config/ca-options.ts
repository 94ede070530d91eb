import { existingFile, type HostPort, peerAddress, serverName } from './kinds.js';
import { type ConfigOf, listOf, requiredListOf } from './option.js';

/** How an agent reaches its CA, or its CAs. */
export const CA_OPTIONS = {
  caAddresses: requiredListOf(peerAddress, {
    flag: 'ca-address',
    description:
      'the CA: Citadel, istiod or any that speaks its protocol; given several times, each is asked when those before it give no answer',
  }),
  caRootFiles: listOf(existingFile, ['/var/run/secrets/istio/root-cert.pem'], {
    flag: 'ca-root',
    description:
      'PEM roots that the certificate of the CA server must chain to; read again after a failed call. One for all of --ca-address, or one for each, in their order',
  }),
  caServerNames: listOf(serverName, [], {
    flag: 'ca-server-name',
    description:
      'name to expect in the certificate of the CA server, when it is not the host of --ca-address. One for all of --ca-address, or one for each, in their order',
  }),
};

type CaConfig = ConfigOf<typeof CA_OPTIONS>;

/** One CA as it is configured. */
export interface ConfiguredCa {
  readonly address: HostPort;
  readonly rootFile: string;
  readonly serverName: string | undefined;
}

/** The CAs in the order in which they are asked. Of a config without {@link caProblems}. */
export function configuredCas({ caAddresses, caRootFiles, caServerNames }: CaConfig): readonly ConfiguredCa[] {
  return caAddresses.map((address, index) => {
    const rootFile = caRootFiles[index] ?? caRootFiles[0] ?? '';
    return { address, rootFile, serverName: caServerNames[index] ?? caServerNames[0] };
  });
}

/** What no single setting of the CAs shows. One text per problem. */
export function caProblems({ caAddresses, caRootFiles, caServerNames }: CaConfig): string[] {
  const count = caAddresses.length;
  const countProblem = (flag: string, given: readonly string[]): string[] => {
    if (given.length <= 1 || given.length === count) return [];
    const expected = count === 1 ? 'one' : `one for all, or ${count}, one for each`;
    return [`${flag}: got ${given.length} for ${count} of --ca-address, expected ${expected}`];
  };
  return [
    ...repeated(caAddresses),
    ...countProblem('--ca-root', caRootFiles),
    ...countProblem('--ca-server-name', caServerNames),
  ];
}

function repeated(addresses: readonly HostPort[]): string[] {
  const seen = new Set<string>();
  return addresses.flatMap(({ host, port }) => {
    const key = `${host}:${port}`;
    if (seen.has(key)) return [`--ca-address: got ${JSON.stringify(key)} twice, expected each CA once`];
    seen.add(key);
    return [];
  });
}
