import { caHeader } from './ca-header.js';
import { existingFile, type HostPort, peerAddress, serverName, text } from './kinds.js';
import { type ConfigOf, listOf, optional, requiredListOf } from './option.js';

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
  caHeaders: listOf(caHeader, [], {
    flag: 'ca-header',
    description:
      'a further header of each call to the CA, which a gateway in front of it may want; values are never logged, and are seen by other processes when they are given as a flag',
  }),
  certSigner: optional(text, {
    flag: 'cert-signer',
    description: 'the signer that the CA is to use (CertSigner in the request), where it has several',
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
export function caProblems({ caAddresses, caRootFiles, caServerNames, caHeaders }: CaConfig): string[] {
  const count = caAddresses.length;
  const countProblem = (flag: string, given: readonly string[]): string[] => {
    if (given.length <= 1 || given.length === count) return [];
    const expected = count === 1 ? 'one' : `one for all, or ${count}, one for each`;
    return [`${flag}: got ${given.length} for ${count} of --ca-address, expected ${expected}`];
  };
  return [
    ...repeated(
      '--ca-address',
      'CA',
      caAddresses.map(({ host, port }) => `${host}:${port}`),
    ),
    ...repeated(
      '--ca-header',
      'header',
      caHeaders.map(({ name }) => name),
    ),
    ...countProblem('--ca-root', caRootFiles),
    ...countProblem('--ca-server-name', caServerNames),
  ];
}

function repeated(flag: string, what: string, values: readonly string[]): string[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`${flag}: got ${JSON.stringify(value)} twice, expected each ${what} once`] : [],
  );
}
