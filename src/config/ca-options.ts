import { join } from 'node:path';
import { boolean, existingFile, type FileFacts, type HostPort, path, peerAddress, serverName, text } from './kinds.js';
import { type ConfigOf, listOf, onlyWith, optional, requiredListOf, switchOf } from './option.js';
import { caHeader } from './secret-header.js';
import { SIDECAR } from './secret-options.js';

/** How an agent reaches its CA, or its CAs. */
export const CA_OPTIONS = {
  caAddresses: requiredListOf(peerAddress, {
    flag: 'ca-address',
    description:
      'the CA: Citadel, istiod or any that speaks its protocol; given several times, each is asked when those before it give no answer',
  }),
  caRootFiles: listOf(existingFile, [], {
    flag: 'ca-root',
    description:
      'PEM roots that the certificate of the CA server must chain to; read again after a failed call. One for all of --ca-address, or one for each, in their order; left out, /var/run/secrets/istio/root-cert.pem',
  }),
  caServerNames: listOf(serverName, [], {
    flag: 'ca-server-name',
    description:
      'name to expect in the certificate of the CA server, when it is not the host of --ca-address. One for all of --ca-address, or one for each, in their order',
  }),
  caPlaintext: switchOf(boolean, {
    flag: 'ca-plaintext',
    description:
      'ask the CA without TLS, as at port 15010 of istiod: the CA is not verified, and the token can be read on the way',
  }),
  caClientCert: onlyWith(
    SIDECAR,
    optional(path, {
      flag: 'ca-client-cert',
      description:
        'directory with cert-chain.pem and key.pem to show the CA (PROV_CERT of Istio), and root-cert.pem in place of the default of --ca-root; read again when they change. While it is valid the token may be missing',
    }),
  ),
  usesOwnSvid: onlyWith(
    SIDECAR,
    switchOf(boolean, {
      flag: 'ca-client-svid',
      description: 'show the CA the own certificate once there is one, so that it renews itself without a token',
    }),
  ),
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

/** What Istio's sidecar injection mounts. */
const DEFAULT_ROOT = '/var/run/secrets/istio/root-cert.pem';

/** One CA as it is configured. */
export type ConfiguredCa =
  | { readonly address: HostPort; readonly rootFile: string; readonly serverName: string | undefined }
  | { readonly address: HostPort; readonly isPlaintext: true };

function defaultRoot({ caClientCert }: Pick<CaConfig, 'caClientCert'>): string {
  return caClientCert === undefined ? DEFAULT_ROOT : join(caClientCert, 'root-cert.pem');
}

/** The CAs in the order in which they are asked. Of a config without {@link caProblems}. */
export function configuredCas(config: CaConfig): readonly ConfiguredCa[] {
  const { caAddresses, caRootFiles, caServerNames, caPlaintext } = config;
  return caAddresses.map((address, index) => {
    if (caPlaintext) return { address, isPlaintext: true };
    const rootFile = caRootFiles[index] ?? caRootFiles[0] ?? defaultRoot(config);
    return { address, rootFile, serverName: caServerNames[index] ?? caServerNames[0] };
  });
}

/** What no single setting of the CAs shows. One text per problem. */
export function caProblems(
  config: CaConfig & { readonly tokenSource: string | undefined },
  files: FileFacts,
): string[] {
  const { caAddresses, caRootFiles, caServerNames, caHeaders } = config;
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
    ...rootProblems(config, files),
    ...shownProblems(config),
    ...countProblem('--ca-root', caRootFiles),
    ...countProblem('--ca-server-name', caServerNames),
  ];
}

/** A CA that knows the agent itself would say yes to whatever token a stream brings. */
function shownProblems(config: Parameters<typeof caProblems>[0]): string[] {
  const { caClientCert, usesOwnSvid, tokenSource } = config;
  if (tokenSource === 'file') return [];
  return [
    ...(caClientCert === undefined ? [] : ['--ca-client-cert']),
    ...(usesOwnSvid === true ? ['--ca-client-svid'] : []),
  ].map(
    (flag) => `${flag}: got --token-source ${tokenSource}, expected file: the CA has to judge the token of each stream`,
  );
}

/** With TLS there have to be roots; without it, roots and names would seem to be checked. */
function rootProblems(config: CaConfig, files: FileFacts): string[] {
  const { caRootFiles, caServerNames, caPlaintext, caClientCert, usesOwnSvid } = config;
  if (caPlaintext) {
    return [
      ...(caClientCert === undefined ? [] : ['--ca-client-cert: got a value, expected none with --ca-plaintext']),
      ...(usesOwnSvid === true ? ['--ca-client-svid: got a value, expected none with --ca-plaintext'] : []),
      ...(caRootFiles.length > 0 ? ['--ca-root: got a value, expected none with --ca-plaintext'] : []),
      ...(caServerNames.length > 0 ? ['--ca-server-name: got a value, expected none with --ca-plaintext'] : []),
    ];
  }
  const root = defaultRoot(config);
  const reason = caRootFiles.length > 0 ? undefined : files.whyUnreadable(root);
  return reason === undefined
    ? []
    : [`--ca-root (default): got ${JSON.stringify(root)}: ${reason}, expected a readable file`];
}

/** Texts of a setting that stand there twice. */
export function repeated(flag: string, what: string, values: readonly string[]): string[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`${flag}: got ${JSON.stringify(value)} twice, expected each ${what} once`] : [],
  );
}
