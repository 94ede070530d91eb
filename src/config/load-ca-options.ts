import { hotPathOption } from './hot-path.js';
import {
  boolean,
  durationMs,
  existingFile,
  type Kind,
  path,
  peerAddress,
  serverName,
  text,
  wholeNumber,
} from './kinds.js';
import { type ConfigOf, optional, required, switchOf, withDefault } from './option.js';

const KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;

type KeyType = (typeof KEY_TYPES)[number];

/** Types of keys in a list: a comma parts them. */
const keyTypes: Kind<readonly KeyType[]> = {
  placeholder: 'TYPE,…',
  expected: `types of keys, parted by commas, of ${KEY_TYPES.join(', ')}`,
  parse(value) {
    const names = value.split(',');
    const known = names.flatMap((name) => KEY_TYPES.find((type) => type === name) ?? []);
    return known.length === names.length ? known : undefined;
  },
};

/** `sidecert load-ca`. */
export const LOAD_CA_OPTIONS = {
  caAddress: required(peerAddress, {
    flag: 'ca-address',
    description: 'the CA: Citadel, istiod or any that speaks its protocol',
  }),
  caRootFile: optional(existingFile, {
    flag: 'ca-root',
    description: 'PEM roots that the certificate of the CA server must chain to',
  }),
  caServerName: optional(serverName, {
    flag: 'ca-server-name',
    description: 'name to expect in the certificate of the CA server, when it is not the host of --ca-address',
  }),
  caPlaintext: switchOf(boolean, {
    flag: 'ca-plaintext',
    description: 'ask the CA without TLS, as at port 15010 of istiod',
  }),
  tokensDirectory: optional(path, {
    flag: 'tokens',
    description: 'directory of JWTs, one file each, which the requests take in turn, in the order of the names',
  }),
  tokenFile: optional(existingFile, { flag: 'token-file', description: 'one JWT for all requests' }),
  clusterId: withDefault(text, 'Kubernetes', {
    flag: 'cluster-id',
    description: 'cluster that the tokens are from, as the CA knows it',
  }),
  concurrency: withDefault(wholeNumber(1, 10_000), '16', {
    flag: 'concurrency',
    description: 'requests in flight: each caller asks again as soon as it has an answer; without --rate',
  }),
  connections: withDefault(wholeNumber(1, 10_000), '1', {
    flag: 'connections',
    description: 'connections, which the requests take in turn',
  }),
  hasNewConnections: switchOf(boolean, {
    flag: 'new-connections',
    description: 'a connection for each request, with its handshake, as a sidecar has it that starts',
  }),
  rate: optional(wholeNumber(1, 1_000_000), {
    flag: 'rate',
    description: 'requests a second, whatever becomes of those before (open loop), in place of --concurrency',
  }),
  requests: optional(wholeNumber(1, 10_000_000), {
    flag: 'requests',
    description: 'end after so many requests; else after --duration',
  }),
  durationMs: withDefault(durationMs, '10s', {
    flag: 'duration',
    description: 'for how long requests begin',
  }),
  retries: switchOf(boolean, {
    flag: 'retry',
    description:
      'ask again, as agents do, until each request has its certificate: with back-off, and not before the CA wants it (RetryInfo)',
  }),
  timeoutMs: withDefault(durationMs, '10s', {
    flag: 'timeout',
    description: 'how long an answer may take',
  }),
  keyTypes: withDefault(keyTypes, 'ec-p256', {
    flag: 'key-types',
    description: 'of the CSRs, one of each, which the requests take in turn',
  }),
  ttlMs: withDefault(durationMs, '24h', { flag: 'ttl', description: 'lifetime to ask for' }),
  hotPath: hotPathOption('who makes the keys of the CSRs, before the load begins'),
  jsonFile: optional(path, { flag: 'json', description: 'file to write the report to as JSON' }),
  htmlFile: optional(path, { flag: 'html', description: 'file to write the report to as a page with charts' }),
};

export type LoadCaConfig = ConfigOf<typeof LOAD_CA_OPTIONS>;

/** What no single setting shows. One text per problem. */
export function loadCaProblems(config: LoadCaConfig): string[] {
  const { caRootFile, caServerName, caPlaintext, tokensDirectory, tokenFile } = config;
  const problems: string[] = [];
  if (caPlaintext) {
    if (caRootFile !== undefined) problems.push('--ca-root: got a file, expected none with --ca-plaintext');
    if (caServerName !== undefined) problems.push('--ca-server-name: got a name, expected none with --ca-plaintext');
  } else if (caRootFile === undefined) {
    problems.push('--ca-root: got none, expected the roots of the CA, or --ca-plaintext');
  }
  if ((tokensDirectory === undefined) === (tokenFile === undefined)) {
    const got = tokenFile === undefined ? 'neither' : 'both';
    problems.push(`--tokens, --token-file: got ${got}, expected one of them`);
  }
  return problems;
}
