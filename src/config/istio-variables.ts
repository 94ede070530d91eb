import { basename, dirname } from 'node:path';
import type { Environment, ForeignReading, ForeignVariable } from './foreign-variables.js';

/** Where an agent finds istiod when nothing says so. (reference: Istio A61) */
const ISTIOD = 'istiod.istio-system.svc';

/** The port that istiod serves without TLS: to its agent, an address that ends so has none. (reference: Istio A62) */
const PLAIN_TEXT = ':15010';

const SOCKET_DIRECTORY = '/var/run/secrets/workload-spiffe-uds';
const CRL_FILE = '/var/run/secrets/istio/crl/ca-crl.pem';
const CUSTOM_ROOT = '/etc/certs/root-cert.pem';

/** Where distributions have the roots of the system, in the order in which Istio looks. (reference: Istio A28) */
const SYSTEM_ROOTS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/usr/local/etc/ssl/cert.pem',
];

const SAME: ForeignReading = { kind: 'same' };
const IGNORED: ForeignReading = { kind: 'ignored' };
const MOUNTED_REFUSED: ForeignReading = { kind: 'refused', flag: 'identity-source', expected: 'one of true, false' };

/**
 * The environment of Istio's agent (pilot-agent, its security part): what an injected sidecar or a VM has set for that
 * one means the same here, where nothing of our own is set. (reference: Istio 1.7)
 */
export const ISTIO_VARIABLES: readonly ForeignVariable[] = [
  {
    ...{ name: 'CA_ADDR', default: `${ISTIOD}:15012`, impliesDefault: true },
    here: '`--ca-address`; with a host of `localhost` also `--ca-server-name istiod.istio-system.svc`, as Istio expects it; one that ends in `:15010` is `--ca-plaintext`',
    read(value) {
      const address = { flag: 'ca-address', text: value };
      if (value.endsWith(PLAIN_TEXT)) {
        return { kind: 'sets', settings: [address, { flag: 'ca-plaintext', text: 'true' }] };
      }
      return /localhost/.test(value)
        ? { kind: 'sets', settings: [address, { flag: 'ca-server-name', text: ISTIOD }] }
        : { kind: 'sets', settings: [address] };
    },
  },
  oneOf('CA_PROVIDER', 'Citadel', ['Citadel'], { flag: 'ca-address', here: 'only `Citadel`' }),
  {
    ...{ name: 'CA_ROOT_CA', default: '' },
    here: '`--ca-root`; `SYSTEM` finds the roots of the system',
    read(value, { environment, files }) {
      if (isPlaintext(environment)) return SAME;
      if (value !== 'SYSTEM') return set('ca-root', value);
      const found = SYSTEM_ROOTS.find((path) => files.whyUnreadable(path) === undefined);
      if (found !== undefined) return set('ca-root', found);
      return { kind: 'refused', flag: 'ca-root', expected: `one of ${SYSTEM_ROOTS.join(', ')} on this system` };
    },
  },
  {
    ...{ name: 'PILOT_CERT_PROVIDER', default: 'istiod' },
    here: `\`custom\` is \`--ca-root ${CUSTOM_ROOT}\`, \`none\` needs \`CA_ROOT_CA\`; with any other the root is where \`--ca-root\` has its default`,
    read(value, { environment }) {
      if (isPlaintext(environment)) return SAME;
      if (value === 'custom') return set('ca-root', CUSTOM_ROOT);
      if (value !== 'none' || environment.CA_ROOT_CA || environment.PROV_CERT) return SAME;
      return { kind: 'refused', flag: 'ca-root', expected: 'it together with CA_ROOT_CA or PROV_CERT' };
    },
  },
  {
    ...{ name: 'ISTIOD_SAN', default: '' },
    here: '`--ca-server-name`, where `CA_ADDR` is unset',
    read: (value, { environment }) => (environment.CA_ADDR ? IGNORED : set('ca-server-name', value)),
  },
  sets('TRUST_DOMAIN', 'cluster.local', 'trust-domain'),
  half('POD_NAMESPACE', 'namespace', { name: 'SERVICE_ACCOUNT', flag: 'service-account' }),
  half('SERVICE_ACCOUNT', 'service-account', { name: 'POD_NAMESPACE', flag: 'namespace' }),
  sets('ISTIO_META_CLUSTER_ID', '', 'cluster-id'),
  sets('ISTIO_META_CERT_SIGNER', '', 'cert-signer'),
  sets('SECRET_TTL', '24h', 'ttl'),
  {
    ...{ name: 'SECRET_GRACE_PERIOD_RATIO', default: '0.5' },
    here: '`--renew-at`, from the other end: Istio names the part of the life that is left',
    read(value) {
      const left = /^(?:\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
      if (left >= 0 && left <= 1) return set('renew-at', renewAt(left));
      return { kind: 'refused', flag: 'renew-at', expected: 'a part of the life from 0 to 1 such as 0.5' };
    },
  },
  ignored('SECRET_GRACE_PERIOD_RATIO_JITTER', '0.01', 'a tenth of the shorter part, drawn once for each certificate'),
  {
    ...{ name: 'WORKLOAD_RSA_KEY_SIZE', default: '2048' },
    here: '`--key-type rsa-SIZE` for 2048, 3072 and 4096, unless `ECC_SIGNATURE_ALGORITHM` is set',
    read(value, { environment }) {
      if (environment.ECC_SIGNATURE_ALGORITHM) return SAME;
      if (['2048', '3072', '4096'].includes(value)) return set('key-type', `rsa-${value}`);
      return { kind: 'refused', flag: 'key-type', expected: 'one of 2048, 3072, 4096' };
    },
  },
  oneOf('PKCS8_KEY', 'false', ['true', 'false'], { here: 'keys are always PKCS#8' }),
  {
    ...{ name: 'ECC_SIGNATURE_ALGORITHM', default: '' },
    here: '`ECDSA` is `--key-type`, by `ECC_CURVE`. Unset, the key is EC P-256, too, where Istio takes RSA',
    read(value, { environment }) {
      if (value !== 'ECDSA') return { kind: 'refused', flag: 'key-type', expected: 'ECDSA' };
      const curve = environment.ECC_CURVE || 'P256';
      // Any other curve is refused below.
      return set('key-type', curve === 'P384' ? 'ec-p384' : 'ec-p256');
    },
  },
  oneOf('ECC_CURVE', 'P256', ['P256', 'P384'], {
    ...{
      flag: 'key-type',
      here: 'for `ECC_SIGNATURE_ALGORITHM`: `P256` or `P384`; where Istio takes any other as `P256`, it is refused',
    },
  }),
  sets('OUTPUT_CERTS', '', 'output-certs'),
  {
    ...{ name: 'PROV_CERT', default: '' },
    here: '`--ca-client-cert`, but with a CA in plain text',
    read: (value, { environment }) => (isPlaintext(environment) ? SAME : set('ca-client-cert', value)),
  },
  {
    ...{ name: 'FILE_MOUNTED_CERTS', default: 'false' },
    here: '`true` is `--identity-source file`, whose directory is `/etc/certs`, too',
    read: (value) => (value === 'true' ? set('identity-source', 'file') : value === 'false' ? SAME : MOUNTED_REFUSED),
  },
  ignored('FILE_DEBOUNCE_DURATION', '100ms', 'files are read together, and taken when they fit'),
  oneOf('JWT_POLICY', 'third-party-jwt', ['third-party-jwt', 'first-party-jwt'], {
    here: 'both mean the token of `--token-file`, as to Istio',
  }),
  oneOf('CREDENTIAL_FETCHER_TYPE', 'JWT', ['JWT'], { here: 'only `JWT`: the token of `--token-file`' }),
  ignored('CREDENTIAL_IDENTITY_PROVIDER', 'GoogleComputeEngine', 'it is for tokens of a metadata server'),
  {
    ...{ name: 'WORKLOAD_IDENTITY_SOCKET_FILE', default: 'socket' },
    here: `\`--socket ${SOCKET_DIRECTORY}/NAME\`; the name of a file, without a directory`,
    read(value) {
      if (basename(value) === value && dirname(value) === '.' && !['.', '..'].includes(value)) {
        return set('socket', `${SOCKET_DIRECTORY}/${value}`);
      }
      return { kind: 'refused', flag: 'socket', expected: 'the name of a file, without a directory' };
    },
  },
  ignored('PROXY_CONFIG_XDS_AGENT', 'false', 'roots come with each certificate'),
  ignored('DISABLE_ENVOY', 'false', 'the socket is there in any case, and files are written without Envoy, too'),
  {
    ...{ name: 'CA_HEADER_*', default: '' },
    here: '`--ca-header`, by what follows the prefix',
    read: (value, { name }) => set('ca-header', `${name.slice('CA_HEADER_'.length)}=${value}`),
  },
  ignored('XDS_HEADER_*', '', 'the agent does not proxy xDS'),
  ignored('XDS_ROOT_CA', '', 'the agent does not proxy xDS'),
  oneOf('COMPLIANCE_POLICY', '', [], { here: 'refused: to run without the policy would be wrong' }),
  ignored('GRPC_KEEPALIVE_INTERVAL', '30s', 'connections without a call are not pinged'),
  ignored('GRPC_KEEPALIVE_TIMEOUT', '10s', 'connections without a call are not pinged'),
  {
    ...{ name: 'PILOT_ENABLE_CA_CRL', default: 'true', impliesDefault: true },
    here: `\`true\` is \`--crl ${CRL_FILE}\`, and is Istio's default with its command line alone; the file may be missing`,
    read: (value) => (value === 'true' ? set('crl', CRL_FILE) : SAME),
  },
  {
    ...{ name: '--log_output_level', default: 'default:info' },
    here: '`--log-level`, by the level of the scope `default`',
    read(value) {
      const level = /(?:^|,)(?:default:)?(debug|info|warn|error|fatal|none)(?:,|$)/.exec(value)?.[1];
      if (level === undefined) return IGNORED;
      return set('log-level', ['fatal', 'none'].includes(level) ? 'error' : level);
    },
  },
];

/** Then Istio's agent looks at no root, whatever says where one is. */
function isPlaintext({ CA_ADDR }: Environment): boolean {
  return CA_ADDR?.endsWith(PLAIN_TEXT) === true;
}

function set(flag: string, text: string): ForeignReading {
  return { kind: 'sets', settings: [{ flag, text }] };
}

/** The value as it is. */
function sets(name: string, value: string, flag: string): ForeignVariable {
  return { name, default: value, here: `\`--${flag}\``, read: (text) => set(flag, text) };
}

/**
 * One half of the identity. With an identity from files it may be left out, but not by half, and many pods have one of
 * these variables for purposes of their own.
 */
function half(name: string, flag: string, other: { readonly name: string; readonly flag: string }): ForeignVariable {
  return {
    ...{ name, default: '', here: `\`--${flag}\`` },
    read(value, { environment, isSet }) {
      const isWhole = isSet(other.flag) || (environment[other.name] ?? '') !== '';
      return isSet('identity-source') && !isWhole ? SAME : set(flag, value);
    },
  };
}

/** Values under which we do what Istio does; what another one asks for we cannot do. */
function oneOf(
  name: string,
  value: string,
  values: readonly string[],
  { here, flag }: { readonly here: string; readonly flag?: string },
): ForeignVariable {
  const expected =
    values.length === 0 ? 'nothing: it is not supported' : `${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`;
  const refused: ForeignReading = { kind: 'refused', expected, ...(flag !== undefined && { flag }) };
  return { name, default: value, here, read: (text) => (values.includes(text) ? SAME : refused) };
}

function ignored(name: string, value: string, why: string): ForeignVariable {
  return { name, default: value, here: `ignored: ${why}`, read: () => IGNORED };
}

/** As a decimal within what `--renew-at` takes: the ends would be no renewal in time, or one without end. */
function renewAt(left: number): string {
  return Math.min(0.99, Math.max(0.01, 1 - left))
    .toFixed(9)
    .replace(/0+$/, '');
}
