import t from 'tap';
import { COMMANDS, ISTIO_VARIABLES, istioCommandLine, readConfig } from '../../src/config/index.js';

type Environment = Readonly<Record<string, string>>;

/** What is missing on this machine. */
const isMissing = (path: string): boolean => path.startsWith('/etc/ssl') || path.includes('missing');

function read(environment: Environment, args: readonly string[] = [], file = '{}') {
  return readConfig(COMMANDS.agent, {
    args,
    environment,
    files: {
      whyUnreadable: (path) => (isMissing(path) ? 'no such file or directory (ENOENT)' : undefined),
      read: () => Buffer.from(file),
    },
  });
}

/** What an injected sidecar of Istio has. */
const SIDECAR = { CA_ADDR: 'istiod.istio-system.svc:15012', POD_NAMESPACE: 'foo', SERVICE_ACCOUNT: 'sleep' };

function config(environment: Environment, args: readonly string[] = [], file?: string) {
  const result = read({ ...SIDECAR, ...environment }, args, file);
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result;
}

function problems(environment: Environment, args: readonly string[] = []): readonly string[] {
  const result = read({ ...SIDECAR, ...environment }, args);
  return result.kind === 'invalid' ? result.problems : [];
}

const meanings: readonly { environment: Environment; want: object }[] = [
  {
    environment: { CA_ADDR: 'ca.example:99' },
    want: { caAddresses: [{ host: 'ca.example', port: 99 }], caServerNames: [] },
  },
  { environment: { CA_ADDR: 'localhost:15012' }, want: { caServerNames: ['istiod.istio-system.svc'] } },
  {
    environment: { CA_ADDR: 'istiod.istio-system.svc:15010', CA_ROOT_CA: '/r.pem', PILOT_CERT_PROVIDER: 'custom' },
    want: { caAddresses: [{ port: 15010 }], caPlaintext: true, caRootFiles: [] },
  },
  { environment: { CA_PROVIDER: 'Citadel' }, want: {} },
  { environment: { CA_ROOT_CA: '/etc/roots.pem' }, want: { caRootFiles: ['/etc/roots.pem'] } },
  { environment: { CA_ROOT_CA: 'SYSTEM' }, want: { caRootFiles: ['/etc/pki/tls/certs/ca-bundle.crt'] } },
  { environment: { PILOT_CERT_PROVIDER: 'istiod' }, want: { caRootFiles: [] } },
  { environment: { PILOT_CERT_PROVIDER: 'custom' }, want: { caRootFiles: ['/etc/certs/root-cert.pem'] } },
  {
    environment: { PILOT_CERT_PROVIDER: 'custom', CA_ROOT_CA: '/etc/roots.pem' },
    want: { caRootFiles: ['/etc/roots.pem'] },
  },
  { environment: { PILOT_CERT_PROVIDER: 'none', CA_ROOT_CA: '/r.pem' }, want: { caRootFiles: ['/r.pem'] } },
  {
    environment: { ISTIOD_SAN: 'istiod.example', CA_ADDR: '', SIDECERT_CA_ADDRESS: 'a:1' },
    want: { caServerNames: ['istiod.example'] },
  },
  { environment: { ISTIOD_SAN: 'istiod.example' }, want: { caServerNames: [] } },
  { environment: { TRUST_DOMAIN: 'mesh.example' }, want: { trustDomain: { name: 'mesh.example' } } },
  { environment: { POD_NAMESPACE: 'bar' }, want: { namespace: 'bar' } },
  { environment: { SERVICE_ACCOUNT: 'httpbin' }, want: { serviceAccount: 'httpbin' } },
  { environment: { ISTIO_META_CLUSTER_ID: 'east' }, want: { clusterId: 'east' } },
  { environment: { ISTIO_META_CERT_SIGNER: 'signers.example/a' }, want: { certSigner: 'signers.example/a' } },
  { environment: { SECRET_TTL: '36h' }, want: { ttlMs: 36 * 3600_000 } },
  { environment: { SECRET_TTL: '1h30m10.5s' }, want: { ttlMs: 5_410_500 } },
  { environment: { SECRET_TTL: '+.5h' }, want: { ttlMs: 1_800_000 } },
  { environment: { SECRET_TTL: '90000000µs' }, want: { ttlMs: 90_000 } },
  { environment: { SECRET_GRACE_PERIOD_RATIO: '0.5' }, want: { renewAt: 0.5 } },
  { environment: { SECRET_GRACE_PERIOD_RATIO: '0.2' }, want: { renewAt: 0.8 } },
  { environment: { SECRET_GRACE_PERIOD_RATIO: '1' }, want: { renewAt: 0.01 } },
  { environment: { SECRET_GRACE_PERIOD_RATIO: '0' }, want: { renewAt: 0.99 } },
  { environment: { WORKLOAD_RSA_KEY_SIZE: '2048' }, want: { keyType: 'rsa-2048' } },
  { environment: { WORKLOAD_RSA_KEY_SIZE: '4096' }, want: { keyType: 'rsa-4096' } },
  { environment: { PKCS8_KEY: 'true' }, want: { keyType: 'ec-p256' } },
  { environment: { ECC_SIGNATURE_ALGORITHM: 'ECDSA' }, want: { keyType: 'ec-p256' } },
  { environment: { ECC_SIGNATURE_ALGORITHM: 'ECDSA', ECC_CURVE: 'P384' }, want: { keyType: 'ec-p384' } },
  { environment: { ECC_SIGNATURE_ALGORITHM: 'ECDSA', WORKLOAD_RSA_KEY_SIZE: '4096' }, want: { keyType: 'ec-p256' } },
  { environment: { ECC_CURVE: 'P384' }, want: { keyType: 'ec-p256' } },
  { environment: { OUTPUT_CERTS: './etc/certs' }, want: { outputCerts: './etc/certs', outputCertsMode: '0600' } },
  { environment: { PROV_CERT: '/etc/certs' }, want: { caClientCert: '/etc/certs', caRootFiles: [] } },
  { environment: { PROV_CERT: '/etc/certs', PILOT_CERT_PROVIDER: 'none' }, want: { caClientCert: '/etc/certs' } },
  {
    environment: { PROV_CERT: '/etc/certs', CA_ADDR: 'istiod.istio-system.svc:15010' },
    want: { caPlaintext: true, caClientCert: undefined },
  },
  { environment: { FILE_MOUNTED_CERTS: 'false' }, want: { identitySource: 'ca' } },
  {
    environment: { FILE_MOUNTED_CERTS: 'true', SECRET_TTL: '1h', OUTPUT_CERTS: '/c' },
    want: { identitySource: 'file', identityDirectory: '/etc/certs', outputCerts: undefined },
  },
  { environment: { JWT_POLICY: 'third-party-jwt' }, want: { tokenFile: '/var/run/secrets/tokens/istio-token' } },
  { environment: { JWT_POLICY: 'first-party-jwt' }, want: { tokenFile: '/var/run/secrets/tokens/istio-token' } },
  { environment: { CREDENTIAL_FETCHER_TYPE: 'JWT' }, want: {} },
  {
    environment: { WORKLOAD_IDENTITY_SOCKET_FILE: 'other' },
    want: { socket: '/var/run/secrets/workload-spiffe-uds/other' },
  },
  { environment: { PILOT_ENABLE_CA_CRL: 'true' }, want: { crlFile: '/var/run/secrets/istio/crl/ca-crl.pem' } },
  { environment: { PILOT_ENABLE_CA_CRL: 'false' }, want: { crlFile: undefined } },
];
for (const { environment, want } of meanings) {
  t.test(`${JSON.stringify(environment)} means what it means to Istio's agent`, async (t) => {
    const { config: got, ignored } = config(environment);
    t.match(got, want);
    t.strictSame(ignored, 'ISTIOD_SAN' in environment && !('SIDECERT_CA_ADDRESS' in environment) ? ['ISTIOD_SAN'] : []);
  });
}

t.test('each header for the CA goes to the CA', async (t) => {
  const { caHeaders } = config({ CA_HEADER_X_GATE: 'one, two', CA_HEADER_TENANT: 'a', CA_HEADER_: 'none' }).config;
  t.strictSame(caHeaders.map(({ name, value }) => [name, value]).sort(), [
    ['tenant', 'a'],
    ['x_gate', 'one, two'],
  ]);
});

const refusals: readonly { environment: Environment; problem: string }[] = [
  { environment: { CA_ADDR: 'istiod' }, problem: 'CA_ADDR: got "istiod", expected HOST:PORT' },
  { environment: { CA_PROVIDER: 'GoogleCA' }, problem: 'CA_PROVIDER: got "GoogleCA", expected Citadel' },
  { environment: { CA_ROOT_CA: '/missing.pem' }, problem: 'CA_ROOT_CA: got "/missing.pem": no such file' },
  {
    environment: { PILOT_CERT_PROVIDER: 'none' },
    problem: 'PILOT_CERT_PROVIDER: got "none", expected it together with CA_ROOT_CA or PROV_CERT',
  },
  { environment: { TRUST_DOMAIN: 'Mesh!' }, problem: 'TRUST_DOMAIN: got "Mesh!", expected a trust domain' },
  { environment: { SECRET_TTL: '24' }, problem: 'SECRET_TTL: got "24", expected a duration above zero' },
  { environment: { SECRET_TTL: '-1h' }, problem: 'SECRET_TTL: got "-1h", expected a duration above zero' },
  { environment: { SECRET_TTL: '1d' }, problem: 'SECRET_TTL: got "1d", expected a duration above zero' },
  {
    environment: { SECRET_GRACE_PERIOD_RATIO: '1.5' },
    problem: 'SECRET_GRACE_PERIOD_RATIO: got "1.5", expected a part of the life',
  },
  {
    environment: { WORKLOAD_RSA_KEY_SIZE: '1024' },
    problem: 'WORKLOAD_RSA_KEY_SIZE: got "1024", expected one of 2048, 3072, 4096',
  },
  { environment: { PKCS8_KEY: 'yes' }, problem: 'PKCS8_KEY: got "yes", expected one of true, false' },
  { environment: { ECC_SIGNATURE_ALGORITHM: 'RSA' }, problem: 'ECC_SIGNATURE_ALGORITHM: got "RSA", expected ECDSA' },
  { environment: { ECC_CURVE: 'P521' }, problem: 'ECC_CURVE: got "P521", expected one of P256, P384' },
  { environment: { FILE_MOUNTED_CERTS: 'yes' }, problem: 'FILE_MOUNTED_CERTS: got "yes", expected one of true, false' },
  {
    environment: { JWT_POLICY: 'none' },
    problem: 'JWT_POLICY: got "none", expected one of third-party-jwt, first-party-jwt',
  },
  { environment: { CREDENTIAL_FETCHER_TYPE: 'Mock' }, problem: 'CREDENTIAL_FETCHER_TYPE: got "Mock", expected JWT' },
  {
    environment: { WORKLOAD_IDENTITY_SOCKET_FILE: '../s' },
    problem: 'WORKLOAD_IDENTITY_SOCKET_FILE: got "../s", expected the name of a file',
  },
  {
    environment: { COMPLIANCE_POLICY: 'fips-140-2' },
    problem: 'COMPLIANCE_POLICY: got "fips-140-2", expected nothing: it is not supported',
  },
];
for (const { environment, problem } of refusals) {
  t.test(`${JSON.stringify(environment)} is refused: ${problem}`, async (t) => {
    const found = problems(environment);
    t.equal(found.length, 1);
    t.ok(found[0]?.startsWith(problem), found.join());
  });
}

const ignored = [
  { name: 'XDS_ROOT_CA', value: '/r.pem' },
  { name: 'SECRET_GRACE_PERIOD_RATIO_JITTER', value: '0.05', istio: '0.01' },
  { name: 'FILE_DEBOUNCE_DURATION', value: '1s', istio: '100ms' },
  { name: 'CREDENTIAL_IDENTITY_PROVIDER', value: 'x', istio: 'GoogleComputeEngine' },
  { name: 'PROXY_CONFIG_XDS_AGENT', value: 'true', istio: 'false' },
  { name: 'DISABLE_ENVOY', value: 'true', istio: 'false' },
  { name: 'XDS_HEADER_A', value: 'x' },
  { name: 'GRPC_KEEPALIVE_INTERVAL', value: '1s', istio: '30s' },
  { name: 'GRPC_KEEPALIVE_TIMEOUT', value: '1s', istio: '10s' },
];
for (const { name, value, istio } of ignored) {
  t.test(`${name} is ignored by its name, and said nothing of with Istio's default`, async (t) => {
    t.strictSame(config({ [name]: value }).ignored, [name]);
    t.strictSame(config({ [name]: istio ?? '' }).ignored, []);
  });
}

t.test('every variable of the table has a case here', async (t) => {
  const cases = [...meanings, ...refusals].flatMap(({ environment }) => Object.keys(environment));
  const tested = new Set([...cases, ...ignored.map(({ name }) => name), 'CA_HEADER_*', '--log_output_level']);
  const untested = ISTIO_VARIABLES.filter(({ name }) => !tested.has(name.replace('XDS_HEADER_*', 'XDS_HEADER_A')));
  t.strictSame(
    untested.map(({ name }) => name),
    [],
  );
});

t.test('flags, variables and keys of our own come first, and then nothing of Istio is complained of', async (t) => {
  t.equal(config({ SECRET_TTL: '1h' }, ['--ttl=2h']).config.ttlMs, 7200_000);
  t.equal(config({ SECRET_TTL: '1h', SIDECERT_TTL: '2h' }).config.ttlMs, 7200_000);
  t.equal(config({ SECRET_TTL: '1h' }, ['--config=c'], '{"ttl":"2h"}').config.ttlMs, 7200_000);
  t.equal(config({ SECRET_TTL: '1h', SIDECERT_TTL: '' }).config.ttlMs, 3600_000);
  t.strictSame(problems({ WORKLOAD_RSA_KEY_SIZE: '1024', ECC_CURVE: 'P521' }, ['--key-type=ec-p384']), []);
  t.strictSame(problems({ CA_PROVIDER: 'GoogleCA', CA_ADDR: 'x' }, ['--ca-address=a:1']), []);
  t.strictSame(config({ CA_ADDR: 'localhost:1' }, ['--ca-address=a:1']).config.caServerNames, []);
});

t.test('in node mode the names of one workload mean nothing', async (t) => {
  const { config: got } = config({ OUTPUT_CERTS: '/c' }, ['--mode=node']);
  t.match(got, { mode: 'node', namespace: undefined, serviceAccount: undefined, outputCerts: undefined });
});

t.test('half of an identity is none where files have it', async (t) => {
  const files = ['--identity-source=file'];
  t.match(read({ POD_NAMESPACE: 'foo' }, files), { kind: 'ok', config: { namespace: undefined } });
  t.match(read({ SERVICE_ACCOUNT: 'sleep' }, files), { kind: 'ok', config: { serviceAccount: undefined } });
  const both = { POD_NAMESPACE: 'foo', SERVICE_ACCOUNT: 'sleep' };
  t.match(read(both, files), { kind: 'ok', config: { namespace: 'foo', serviceAccount: 'sleep' } });
});

function asIstio(args: readonly string[], environment: Environment = {}) {
  const line = istioCommandLine(COMMANDS.agent.schema, args);
  if (line.kind !== 'proxy') return line;
  return readConfig(COMMANDS.agent, {
    ...{ args: line.args, foreignArguments: line.foreignArguments, environment },
    files: { whyUnreadable: () => undefined, read: () => Buffer.from('{}') },
  });
}

t.test(
  'the command line of an injected sidecar is taken: what is of Envoy and of the mesh is ignored by name',
  async (t) => {
    const args =
      'proxy sidecar --domain foo.svc.cluster.local --proxyLogLevel=warning --proxyComponentLogLevel=misc:error --log_output_level=default:debug --concurrency 2';
    const { CA_ADDR: _, ...environment } = SIDECAR;
    const result = asIstio(args.split(' '), environment);
    t.match(result, {
      kind: 'ok',
      ignored: ['--domain', '--proxyLogLevel', '--proxyComponentLogLevel', '--concurrency'],
      config: {
        caAddresses: [{ host: 'istiod.istio-system.svc', port: 15012 }],
        crlFile: '/var/run/secrets/istio/crl/ca-crl.pem',
        logLevel: 'debug',
        namespace: 'foo',
      },
    });
  },
);

t.test('flags of our own may stand among them, and win', async (t) => {
  const args = [
    'proxy',
    'router',
    '--ttl',
    '2h',
    '--takeover',
    '--x',
    '--ca-address=a:1',
    '--log-level=warn',
    '--log_output_level=all',
  ];
  const result = asIstio(args, { ...SIDECAR, SECRET_TTL: '1h' });
  t.match(result, {
    ignored: ['--x', '--log_output_level'],
    config: { ttlMs: 7200_000, takesOver: true, logLevel: 'warn' },
  });
  t.match(asIstio(['proxy', '--help']), { kind: 'help' });
});

const levels = [
  { text: 'default:info', want: 'info' },
  { text: 'ads:debug,default:warn', want: 'warn' },
  { text: 'error', want: 'error' },
  { text: 'default:none', want: 'error' },
  { text: 'ads:debug', want: 'info' },
];
for (const { text, want } of levels) {
  t.test(`--log_output_level ${text} is --log-level ${want}`, async (t) => {
    t.match(asIstio(['proxy', 'sidecar', '--log_output_level', text], SIDECAR), { config: { logLevel: want } });
  });
}

t.test('other commands of that program are refused', async (t) => {
  for (const args of [['wait'], [], ['proxy', 'ztunnel']])
    t.match(asIstio(args), { kind: 'invalid', problem: /expected/ });
});
