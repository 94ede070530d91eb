/** Words that are no texts to YAML 1.1 unless they are quoted, and texts that a sloppy writer breaks. */
const YAML_WORDS = [
  ...['y', 'n', 'no', 'on', 'off', 'yes', 'true', 'null', '~', '1_000', '0x10', '012', '1:30', '1e3', '.inf', '.nan'],
  ...[
    '2001-12-14',
    '=',
    '<<',
    '-',
    '?',
    ':',
    '{}',
    '[]',
    '&a',
    '*a',
    '!a',
    '%a',
    '@a',
    '`a',
    "'",
    '"',
    '\\',
    'a: b',
    'a #b',
  ],
];

const KUBERNETES_NAMES = ['foo', 'y', 'no', 'null', '012', '1e3', '0x10', '1.5', 'a.b-c', `a${'b'.repeat(251)}c`];

const TRUST_DOMAINS = ['cluster.local', 'no', 'on', '1.5', 'a_b', 'Upper.example', `${'a'.repeat(254)}`];

const LISTEN_HOSTS = ['127.0.0.1', '0.0.0.0', '[::1]', '[::]', '[2001:DB8::1]', '127.0.0.2', '[0:0::1]'];
/** Most of which no Envoy can bind. */
const ODD_LISTEN_HOSTS = [
  'localhost',
  '[fe80::1%eth0]',
  '[::ffff:127.0.0.1]',
  '224.0.0.1',
  '255.255.255.255',
  '01.2.3.4',
  'a.example',
];

const PEER_HOSTS = [
  '127.0.0.1',
  '[::1]',
  '10.0.0.7',
  'localhost',
  'a.example',
  'a.example.',
  'A-b_c.example',
  '0.0.0.0',
];
const ODD_PEER_HOSTS = ['1.2.3', '256.1.1.1', 'a..b', '-a', '[::ffff:10.0.0.7]', '[fe80::1%eth0]', '255.255.255.255'];

const PORTS = ['1', '80', '15000', '15001', '15006', '65535'];
const ODD_PORTS = ['0', '00080', '65536', '-1'];

const PATHS = [
  ...[
    '/run/sds.sock',
    './sds.sock',
    'sds.sock',
    '/run/a b',
    '/run/a%41b',
    '/run/a#b',
    '/run/a?b',
    '/run/ä€💥',
    '//run/s',
  ],
  ...['/run/a:b', '/run/"', "/run/'", '/run/\\', '/run/\t', '/run/\n', '/run/\u0001', '/run/\u007f', '/run/\u0085'],
  ...['/run/\u2028', '/run/\ufeff', '/run/\uffff', '/run/%(x)s', `/${'a'.repeat(106)}`],
];
const SOCKETS = [...PATHS, 'unix:/run/s', 'unix:///run/a%20b', 'unix:s', './@s'];
const ODD_SOCKETS = [
  '@s',
  'unix:@s',
  'unix-abstract:s',
  'unix://host/s',
  `/${'a'.repeat(107)}`,
  '',
  '\ud800',
  'unix:%',
];

const SECRET_NAMES = [
  'default',
  'ROOTCA',
  'ALL',
  'spiffe://cluster.local/ns/foo/sa/bar',
  'file-root:/a b',
  'xdstp://a/b',
  '*',
];

const DURATIONS = ['1ms', '1s', '1.5s', '15s', '24h', '1h30m', '876000h'];
const ODD_DURATIONS = ['0s', '0.4ms', '876001h', '99999999h'];

/** One draw in so many is of the odd ones, most of which are refused: nearly all sets of options are to be accepted. */
const ODD = 30;

/** Draws arguments of `sidecert bootstrap`, most of them such as are accepted. */
export function bootstrapArguments(random: () => number, tokenSecretFile: string): string[] {
  const below = (count: number): number => Math.floor(random() * count);
  const one = (values: readonly string[]): string => values[below(values.length)] ?? '';
  const mostly = (values: readonly string[], odd: readonly string[]): string => one(below(ODD) === 0 ? odd : values);
  const maybe = (flag: string, draw: () => string): string[] => (below(2) === 0 ? [] : [`--${flag}=${draw()}`]);
  const port = (): string => mostly(PORTS, ODD_PORTS);
  const listen = (): string => `${mostly(LISTEN_HOSTS, ODD_LISTEN_HOSTS)}:${port()}`;
  const peer = (): string => `${mostly(PEER_HOSTS, ODD_PEER_HOSTS)}:${port()}`;
  const name = (): string => one(KUBERNETES_NAMES);
  const id = (): string => `spiffe://${one(TRUST_DOMAINS)}/ns/${name()}/sa/${name()}`;
  const text = (): string => one(below(2) === 0 ? YAML_WORDS : SECRET_NAMES);
  const directions = 1 + below(3);
  const inbound = (directions & 1) === 0 ? [] : [`--inbound=${listen()}`, `--app=${peer()}`];
  const outbound = (directions & 2) === 0 ? [] : [`--outbound=${listen()}`];
  const api = one(outbound.length > 0 ? ['sotw', 'delta'] : ['sotw', 'delta', 'ads', 'delta-ads', 'rest']);
  const many = (draw: () => string): string[] => Array.from({ length: below(3) }, draw);
  return [
    ...[`--namespace=${name()}`, `--service-account=${name()}`],
    ...maybe('socket', () => mostly(SOCKETS, ODD_SOCKETS)),
    ...maybe('trust-domain', () => one(TRUST_DOMAINS)),
    ...maybe('token-source', () => one(['file', 'stream', 'stream'])),
    ...maybe('token-by', () => one(['google_grpc', 'injector'])),
    `--token-secret=${tokenSecretFile}`,
    ...maybe('token-file', () => one([...PATHS, ...YAML_WORDS])),
    `--sds-api=${api}`,
    ...(api === 'rest' ? [`--rest-socket=${mostly(SOCKETS, ODD_SOCKETS)}`] : []),
    ...maybe('certificate-name', text),
    ...maybe('bundle-name', text),
    ...maybe('node-id', () => one([...YAML_WORDS, 'node 1'])),
    ...maybe('admin', listen),
    ...inbound,
    ...(inbound.length === 0
      ? []
      : many(() => `--allow=${below(2) === 0 ? id() : `spiffe://${one(TRUST_DOMAINS)}/*`}`)),
    ...outbound,
    ...(outbound.length === 0 ? [] : [() => '', ...many(() => '')].map(() => `--upstream=${name()}=${peer()}=${id()}`)),
    ...maybe('initial-fetch-timeout', () => mostly(DURATIONS, ODD_DURATIONS)),
    ...maybe('max-connection-age', () => mostly(DURATIONS, ODD_DURATIONS)),
  ];
}
