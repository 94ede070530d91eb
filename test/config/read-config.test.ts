import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import t from 'tap';
import {
  COMMANDS,
  type CommandName,
  type CommandSpec,
  type ConfigSources,
  configKey,
  configurationReference,
  configuredCas,
  readConfig,
} from '../../src/config/index.js';

const DOCS = fileURLToPath(new URL('../../../docs', import.meta.url));
const NAMES = Object.keys(COMMANDS) as CommandName[];

/** Every file exists, and `settings` is what each of them holds. */
function sources(args: string[], environment: Record<string, string> = {}, settings?: string): ConfigSources {
  return {
    args,
    environment,
    files: {
      whyUnreadable: (path) => (path.includes('missing') ? 'no such file or directory (ENOENT)' : undefined),
      read: () => {
        if (settings === undefined) throw new Error('no such file');
        return Buffer.from(settings);
      },
    },
  };
}

const MINIMUM = ['--ca-address', 'localhost:15012', '--namespace', 'foo', '--service-account', 'sleep'];

function agentProblems(args: string[], environment?: Record<string, string>, settings?: string): readonly string[] {
  const result = readConfig(COMMANDS.agent, sources([...MINIMUM, ...args], environment, settings));
  return result.kind === 'invalid' ? result.problems : [];
}

function agentConfig(args: string[], environment?: Record<string, string>, settings?: string) {
  const result = readConfig(COMMANDS.agent, sources([...MINIMUM, ...args], environment, settings));
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.config;
}

t.test('an agent needs three settings; the rest has the defaults of Istio', async (t) => {
  const config = agentConfig([]);
  t.match(config, {
    socket: '/var/run/secrets/workload-spiffe-uds/socket',
    caAddresses: [{ host: 'localhost', port: 15012 }],
    caPlaintext: false,
    tokenFile: '/var/run/secrets/tokens/istio-token',
    tokenSource: 'file',
    ttlMs: 24 * 3600_000,
    renewAt: 0.5,
    surviveCaOutageMs: undefined,
    keyType: 'ec-p256',
  });
  t.equal(config.trustDomain.name, 'cluster.local');
  t.match(configuredCas(config), [{ rootFile: '/var/run/secrets/istio/root-cert.pem' }]);
  t.ok(Object.isFrozen(config));
});

t.test('a flag wins over the environment, that over the file, and that over the default', async (t) => {
  const file = JSON.stringify({ ttl: '3h' });
  const args = ['--config', 'c.json'];
  t.equal(agentConfig([...args, '--ttl', '1h'], { SIDECERT_TTL: '2h' }, file).ttlMs, 3600_000);
  t.equal(agentConfig(args, { SIDECERT_TTL: '2h' }, file).ttlMs, 2 * 3600_000);
  t.equal(agentConfig(args, { SIDECERT_TTL: '' }, file).ttlMs, 3 * 3600_000);
  t.equal(agentConfig([], { SIDECERT_CONFIG: 'c.json' }, file).ttlMs, 3 * 3600_000);
  t.equal(agentConfig([]).ttlMs, 24 * 3600_000);
});

t.test('all problems are told at once, each with where, what it got and what was expected', async (t) => {
  const result = readConfig(
    COMMANDS.agent,
    sources(['--ttl', '5 parsecs', '--socket', '', '--nope', '--ca-address=x', 'stray', '--key-type=dsa'], {
      SIDECERT_LOG_LEVEL: 'loud',
    }),
  );
  t.strictSame(result.kind === 'invalid' ? [...result.problems].sort() : result, [
    '--ca-address: got "x", expected HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets',
    '--key-type: got "dsa", expected one of ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096',
    '--namespace: got nothing, expected a Kubernetes name of a-z, 0-9, "-" and "."',
    '--nope: got an unknown flag, expected one of those that --help lists',
    '--service-account: got nothing, expected a Kubernetes name of a-z, 0-9, "-" and "."',
    '--socket: got "", expected a path of 1 to 107 bytes for a Unix socket, or unix:/path or unix:///path, and no abstract name such as @sds',
    '--ttl: got "5 parsecs", expected a duration above zero such as 24h, 1h30m, 90s or 500ms, of at most 876000h',
    'SIDECERT_LOG_LEVEL: got "loud", expected one of debug, info, warn, error',
    'argument: got "stray", expected flags only',
  ]);
});

const wrong = [
  { args: ['--socket'], problem: /^--socket: got no value/ },
  { args: ['--ttl', '--socket=x'], problem: /^--ttl: got no value/ },
  { args: ['--ttl=1h', '--ttl=2h'], problem: /^--ttl: got it twice/ },
  { args: ['--ttl=0s'], problem: /^--ttl: got "0s"/ },
  { args: ['--ttl=-1h'], problem: /^--ttl: got "-1h"/ },
  { args: ['--ttl=1'], problem: /^--ttl: got "1"/ },
  { args: [`--socket=${'x'.repeat(108)}`], problem: /^--socket: got "x+", expected a path of 1 to 107 bytes/ },
  { args: ['--trust-domain=Cluster'], problem: /^--trust-domain: got "Cluster"/ },
  {
    args: ['--ca-root=missing.pem'],
    problem: /^--ca-root: got "missing.pem": no such file or directory \(ENOENT\), expected a readable file/,
  },
  {
    args: ['--token-file=missing'],
    problem: /^--token-file: got "missing": no such file .*\(ENOENT\), expected a readable file/,
  },
  { args: ['--ca-server-name=a b'], problem: /^--ca-server-name/ },
  {
    args: ['--config=c.json'],
    problem: /^--config: got "c.json": no such file, expected a readable file with one JSON object/,
  },
  { args: [`--ttl=${'9'.repeat(5000)}`], problem: /^--ttl: got "9{120}…", expected/ },
];
for (const { args, problem } of wrong) {
  t.test('an unknown flag is told with the one that is most like it, and takes its value with it', async (t) => {
    const result = readConfig(
      COMMANDS.health,
      sources(['--adress', 'a:1', '--sokcet=x', 'y', '--neither', '--ca-root', 'z']),
    );
    t.strictSame(result.kind === 'invalid' ? [...result.problems].sort() : result, [
      '--adress: got an unknown flag, expected one of those that --help lists; did you mean --address?',
      '--neither: got an unknown flag, expected one of those that --help lists',
      '--sokcet: got an unknown flag, expected one of those that --help lists; did you mean --socket?',
      'argument: got "y", expected flags only',
    ]);
  });

  t.test(`${args.join(' ').slice(0, 60)} is refused`, async (t) => {
    t.ok(
      agentProblems(args).some((text) => problem.test(text)),
      agentProblems(args).join('; '),
    );
  });
}

const twoKinds = [
  {
    args: ['--certificate-name=x', '--bundle-name=x'],
    problem: '--bundle-name: got "x", expected another name than one of --certificate-name',
  },
  {
    args: ['--bundle-name=default'],
    problem: '--bundle-name: got "default", expected another name than one of --certificate-name',
  },
  {
    args: ['--all-bundles-name=ROOTCA'],
    problem: '--all-bundles-name: got "ROOTCA", expected another name than one of --bundle-name',
  },
  {
    args: ['--session-ticket-keys-name=ALL'],
    problem: '--session-ticket-keys-name: got "ALL", expected another name than one of --all-bundles-name',
  },
  {
    args: ['--secret-dir=/c', '--generic-secret=default=/c/x'],
    problem: '--generic-secret: got "default", expected another name than one of --certificate-name',
  },
];
for (const { args, problem } of twoKinds) {
  t.test(`row 42: ${args.join(' ')} would give one name two kinds, and is refused`, async (t) => {
    t.strictSame(agentProblems(args), [problem]);
  });
}

const wrongSecrets = [
  {
    args: ['--certificate-name=spiffe://a/b'],
    problem: /^--certificate-name: got "spiffe:\/\/a\/b", expected printable text/,
  },
  { args: ['--bundle-name=file-root:/x'], problem: /^--bundle-name: got/ },
  {
    args: ['--federated-bundle=Other=/x'],
    problem: /^--federated-bundle: got "Other=\/x", expected TRUST-DOMAIN=FILE/,
  },
  {
    args: ['--federated-endpoint=a=http://b/'],
    problem: /^--federated-endpoint: got "a=http:\/\/b\/", expected TRUST-DOMAIN=URL/,
  },
  { args: ['--federated-endpoint=a=https://me@b/'], problem: /^--federated-endpoint: got/ },
  { args: ['--federated-endpoint=A=https://b/'], problem: /^--federated-endpoint: got/ },
  { args: ['--federated-endpoint=https://b/'], problem: /^--federated-endpoint: got/ },
  {
    args: ['--federated-endpoint=cluster.local=https://b/'],
    problem: /^--federated-endpoint: got "cluster.local" again/,
  },
  {
    args: ['--federated-endpoint=a=https://b/', '--federated-endpoint=a=https://c/'],
    problem: /^--federated-endpoint: got "a" again/,
  },
  { args: ['--federated-endpoint-id=a=spiffe://a'], problem: /^--federated-endpoint-id: got/ },
  {
    args: ['--federated-bundle=a=/x', '--federated-endpoint-id=a=spiffe://a/b'],
    problem: /^--federated-endpoint-id: got "a=spiffe:\/\/a\/b", expected a --federated-endpoint of a$/,
  },
  {
    args: ['--federated-endpoint=a=https://b/', '--federated-endpoint-id=a=spiffe://a/b'],
    problem: /expected a --federated-bundle of a to verify its first answer by$/,
  },
  { args: ['--federated-bundle=other='], problem: /^--federated-bundle: got "other="/ },
  { args: ['--federated-bundle=spiffe://other=/x'], problem: /^--federated-bundle: got/ },
  { args: ['--federated-bundle=cluster.local=/x'], problem: /^--federated-bundle: got "cluster.local" again/ },
  { args: ['--federated-bundle=a=/x', '--federated-bundle=a=/y'], problem: /^--federated-bundle: got "a" again/ },
  { args: ['--secret-dir=certs'], problem: /^--secret-dir: got "certs", expected an absolute path/ },
  { args: ['--generic-secret=x=/etc/x'], problem: /^--generic-secret: got "\/etc\/x", expected a file below/ },
  { args: ['--secret-dir=/etc/a', '--generic-secret=x=/etc/a/../b'], problem: /^--generic-secret: got/ },
  { args: ['--secret-dir=/etc/a', '--generic-secret=x=/etc/ab'], problem: /^--generic-secret: got/ },
  { args: ['--private-key-provider=qat', '--private-key-poll-delay=200us'], problem: /at least 1ms with qat/ },
  { args: ['--private-key-poll-delay=0s'], problem: /^--private-key-poll-delay: got "0s"/ },
  { args: ['--peer-san=spiffe://cluster.local*'], problem: /^--peer-san: got/ },
  {
    args: ['--mode=node', '--secret-dir=/etc/a'],
    problem: /^--secret-dir: got a value, expected none with --mode node/,
  },
];
t.test('an outage to survive fits into the life that is asked for', async (t) => {
  t.equal(agentConfig(['--survive-ca-outage=21h']).surviveCaOutageMs, 21 * 3600_000);
  t.equal(agentConfig([]).surviveCaOutageMs, undefined);
  t.strictSame(agentProblems(['--survive-ca-outage=24h']), [
    '--survive-ca-outage: got 86400s, expected at most 77760s, nine tenths of the life that is asked for',
  ]);
  t.equal(agentConfig(['--survive-ca-outage=24h', '--ttl=48h']).surviveCaOutageMs, 24 * 3600_000);
  t.match(agentProblems(['--survive-ca-outage=0']), [/^--survive-ca-outage: got "0", expected a duration above zero/]);
});

for (const text of ['0', '1', '0.001', '0.999', '-0.5', '.', '50%', '5e-1', 'NaN', '0.5 ']) {
  t.test(`--renew-at ${JSON.stringify(text)} is refused`, async (t) => {
    const expected = 'a decimal fraction from 0.01 to 0.99 such as 0.5';
    t.strictSame(agentProblems([`--renew-at=${text}`]), [
      `--renew-at: got ${JSON.stringify(text)}, expected ${expected}`,
    ]);
  });
}

for (const { args, problem } of wrongSecrets) {
  t.test(`${args.join(' ')} is refused`, async (t) => {
    t.ok(
      agentProblems(args).some((text) => problem.test(text)),
      agentProblems(args).join('\n'),
    );
  });
}

t.test('the delay of a key provider is kept to the nanosecond', async (t) => {
  for (const [text, want] of Object.entries({
    '200us': 200_000,
    '1.5s': 1_500_000_000,
    '20ms': 20_000_000,
    '7ns': 7,
  })) {
    t.equal(agentConfig([`--private-key-poll-delay=${text}`]).privateKeyPollDelayNs, want);
  }
});

t.test('the token file is needed only where the agent reads it', async (t) => {
  t.strictSame(agentProblems(['--token-file=missing', '--token-source=stream']), []);
});

const node = (args: string[], environment = {}, settings?: string) =>
  readConfig(COMMANDS.agent, sources(['--mode=node', '--ca-address=a:1', ...args], environment, settings));

t.test('in node mode an agent needs only its CA: names and tokens are those of the streams', async (t) => {
  const result = node([]);
  t.match(result, { kind: 'ok', config: { mode: 'node', namespace: undefined, tokenSource: undefined } });
});

t.test('in node mode, what is one workload is refused, wherever it stands', async (t) => {
  const problems = (result: ReturnType<typeof node>) => (result.kind === 'invalid' ? result.problems : result);
  t.strictSame(problems(node(['--namespace=a', '--service-account=b', '--token-file=c', '--token-source=stream'])), [
    '--token-source: got a value, expected none with --mode node',
    '--token-file: got a value, expected none with --mode node',
    '--namespace: got a value, expected none with --mode node',
    '--service-account: got a value, expected none with --mode node',
  ]);
  t.strictSame(problems(node([], { SIDECERT_NAMESPACE: 'a' })), [
    'SIDECERT_NAMESPACE: got a value, expected none with --mode node',
  ]);
  t.strictSame(problems(node(['--config=c.json'], {}, '{"tokenFile":"c"}')), [
    'c.json tokenFile: got a value, expected none with --mode node',
  ]);
  t.match(problems(node(['--ttl=x', '--namespace=a'])), [/^--namespace/, /^--ttl/]);
});

t.test('an unknown mode is the only complaint about it', async (t) => {
  t.strictSame(agentProblems(['--mode=cluster']), ['--mode: got "cluster", expected one of sidecar, node']);
});

t.test('addresses may be names, IPv4 and, in brackets, IPv6', async (t) => {
  const last = (text: string) => {
    const result = readConfig(COMMANDS.citadel, sources(['--jwks=j', '--token-issuer=i', `--listen=${text}`]));
    return result.kind === 'ok' ? result.config.listen : undefined;
  };
  t.strictSame(last('[::1]:15012'), { host: '::1', port: 15012 });
  t.strictSame(last('127.0.0.1:0'), { host: '127.0.0.1', port: 0 });
  t.strictSame(last('istiod.istio-system.svc:15012'), { host: 'istiod.istio-system.svc', port: 15012 });
  for (const text of [
    '::1:15012',
    'a:65536',
    'a',
    ':1',
    'a b:1',
    '[a]:1',
    'a:1:2',
    '01.2.3.4:1',
    '256.1.1.1:1',
    '1.2.3:1',
  ])
    t.equal(last(text), undefined, text);
});

t.test('there may be several CAs, with one root and name for all or one for each', async (t) => {
  const flags = (...args: string[]) => args.map((arg) => `--ca-${arg}`);
  const cas = (...args: string[]) =>
    configuredCas(agentConfig(flags(...args))).map((ca) => {
      const { address, rootFile, serverName } = { rootFile: undefined, serverName: undefined, ...ca };
      return [`${address.host}:${address.port}`, rootFile, serverName];
    });
  t.strictSame(cas('address=b:2', 'root=r'), [
    ['localhost:15012', 'r', undefined],
    ['b:2', 'r', undefined],
  ]);
  t.strictSame(cas('address=b:2', 'root=r', 'root=s', 'server-name=m', 'server-name=n'), [
    ['localhost:15012', 'r', 'm'],
    ['b:2', 's', 'n'],
  ]);
  t.strictSame(
    agentProblems(flags('address=b:2', 'address=c:3', 'root=r', 'root=s', 'server-name=m', 'server-name=n')),
    [
      '--ca-root: got 2 for 3 of --ca-address, expected one for all, or 3, one for each',
      '--ca-server-name: got 2 for 3 of --ca-address, expected one for all, or 3, one for each',
    ],
  );
  t.strictSame(agentProblems(flags('root=r', 'root=s')), ['--ca-root: got 2 for 1 of --ca-address, expected one']);
  t.strictSame(agentProblems(flags('address=localhost:15012')), [
    '--ca-address: got "localhost:15012" twice, expected each CA once',
  ]);
});

t.test('plain text to the CA is never a matter of a port, and excludes what would be verified', async (t) => {
  const isPlain = (...args: string[]) => configuredCas(agentConfig(args)).map((ca) => 'isPlaintext' in ca);
  t.strictSame(isPlain('--ca-address=istiod:15010'), [false, false]);
  t.strictSame(isPlain('--ca-address=istiod:15010', '--ca-plaintext'), [true, true]);
  t.strictSame(agentProblems(['--ca-plaintext', '--ca-root=r', '--ca-server-name=n']), [
    '--ca-root: got a value, expected none with --ca-plaintext',
    '--ca-server-name: got a value, expected none with --ca-plaintext',
  ]);
});

t.test('a client certificate is for a workload with a token of its own, and for TLS', async (t) => {
  const shown = ['--ca-client-cert=/c', '--ca-client-svid'];
  t.match(configuredCas(agentConfig(shown)), [{ rootFile: '/c/root-cert.pem' }]);
  t.match(configuredCas(agentConfig([...shown, '--ca-root=r'])), [{ rootFile: 'r' }]);
  t.strictSame(agentProblems([...shown, '--ca-plaintext']), [
    '--ca-client-cert: got a value, expected none with --ca-plaintext',
    '--ca-client-svid: got a value, expected none with --ca-plaintext',
  ]);
  t.match(agentProblems([...shown, '--token-source=stream']), [
    /^--ca-client-cert: got --token-source stream, expected file: the CA has to judge the token of each stream$/,
    /^--ca-client-svid: got --token-source stream/,
  ]);
  t.match(agentProblems([...shown, '--mode=node']), [
    /^--ca-client-cert: got a value, expected none with --mode node$/,
    /^--ca-client-svid: got a value, expected none with --mode node$/,
    /^--namespace/,
    /^--service-account/,
  ]);
});

t.test('headers for the CA have names of their own, and no complaint shows a value', async (t) => {
  const { caHeaders } = agentConfig(['--ca-header=X-Key=s3cret=', '--ca-header', 'b=two words']);
  t.strictSame(
    caHeaders.map(({ name, value }) => [name, value]),
    [
      ['x-key', 's3cret='],
      ['b', 'two words'],
    ],
  );
  t.notMatch(inspect(caHeaders) + JSON.stringify(caHeaders), /s3cret|two words/);
  const bad = [
    ...['s3cret', '=s3cret', 'a=', 'a= s3cret', 'a=s3cr\u00e9t', 'a b=s3cret', ':path=s3cret', 'Authorization=s3cret'],
    ...['clusterid=s3cret', 'grpc-timeout=s3cret', 'te=s3cret', 'host=s3cret', 'x-bin=s3cret'],
  ];
  for (const text of bad) {
    const problems = agentProblems([`--ca-header=${text}`]);
    t.match(problems, [/^--ca-header: got "[^"]*…", expected NAME=VALUE/], text);
    t.notMatch(problems, [/s3cr/]);
  }
  t.strictSame(agentProblems(['--ca-header=X=1', '--ca-header=x=2']), [
    '--ca-header: got "x" twice, expected each header once',
  ]);
  const inFile = agentProblems(['--config=c.json'], {}, '{"caHeader": [{"x": "s3cret"}]}');
  t.strictSame(inFile, ['c.json caHeader: got something else, expected a JSON string']);
});

t.test('the address of a peer may have a last dot or a zone, and needs a port that can be dialled', async (t) => {
  const address = (text: string) => {
    const result = readConfig(COMMANDS.health, sources([`--address=${text}`, '--ca-root=r']));
    return result.kind === 'ok' ? result.config.address : undefined;
  };
  t.strictSame(address('istiod.istio-system.svc.:15012'), { host: 'istiod.istio-system.svc.', port: 15012 });
  t.strictSame(address('[fe80::1%eth0]:15012'), { host: 'fe80::1%eth0', port: 15012 });
  t.strictSame(address('[::1]:1'), { host: '::1', port: 1 });
  for (const text of ['a:0', '[fe80::1%]:1', 'fe80::1%eth0:1', '[a%eth0]:1', '[127.0.0.1%eth0]:1', '[::1%a b]:1'])
    t.equal(address(text), undefined, text);
});

t.test('a setting that may be repeated is a list everywhere', async (t) => {
  const base = ['--jwks=j', '--token-issuer=i'];
  const audiences = (args: string[], environment = {}, settings?: string) => {
    const result = readConfig(COMMANDS.citadel, sources([...base, ...args], environment, settings));
    return result.kind === 'ok' ? result.config.tokenAudiences : result;
  };
  t.strictSame(audiences([]), ['istio-ca']);
  t.strictSame(audiences(['--token-audience=a', '--token-audience', 'b']), ['a', 'b']);
  t.strictSame(audiences([], { SIDECERT_TOKEN_AUDIENCE: 'a, b' }), ['a', 'b']);
  t.strictSame(audiences(['--config=c'], {}, '{"tokenAudience":["a","b"]}'), ['a', 'b']);
});

t.test('nothing in the file is coerced, and unknown keys are errors', async (t) => {
  const problems = agentProblems(['--config=c.json'], {}, '{"ttl":5,"nope":true,"socket":"s"}');
  t.strictSame(problems.length, 2);
  t.match(problems[0], 'c.json ttl: got "5", expected a JSON string');
  t.match(problems[1], 'c.json nope: got an unknown key, expected one of mode, socket, podSockets, identitySource,');
  t.match(agentProblems(['--config=c.json'], {}, '[]'), [/^--config: got/]);
  const demo = readConfig(COMMANDS.demo, sources(['--config=c'], {}, '{"once":true}'));
  t.match(demo, { kind: 'ok', config: { once: true } });
});

t.test('durations are written as in Go', async (t) => {
  const ttl = (text: string): number => agentConfig([`--ttl=${text}`]).ttlMs;
  t.equal(ttl('24h'), 86_400_000);
  t.equal(ttl('1h30m'), 5_400_000);
  t.equal(ttl('1.5s'), 1500);
  t.equal(ttl('100ms'), 100);
  t.match(agentProblems(['--ttl=876001h']), [/^--ttl: got "876001h", expected a duration above zero/]);
});

t.test('settings that need one another are told apart', async (t) => {
  const problems = (name: 'bootstrap' | 'health' | 'citadel', args: string[]) => {
    const result = readConfig(COMMANDS[name] as CommandSpec, sources(args));
    return result.kind === 'invalid' ? result.problems : [];
  };
  const workload = ['--namespace=foo', '--service-account=sleep'];
  t.match(problems('bootstrap', workload), [/^--inbound, --outbound: got neither/]);
  t.match(problems('bootstrap', [...workload, '--inbound=0.0.0.0:1']), [/^--app: got nothing/]);
  t.match(problems('bootstrap', [...workload, '--outbound=127.0.0.1:1']), [/^--upstream: got nothing/]);
  const polls = [...workload, '--inbound=0.0.0.0:1', '--app=127.0.0.1:2', '--sds-api=rest', '--token-source=stream'];
  t.match(problems('bootstrap', polls), [/^--rest-socket: got nothing/, /^--sds-api: got "rest"/]);
  t.match(problems('bootstrap', [...polls.slice(0, 4), '--rest-socket=r']), [/^--rest-socket: got a path/]);
  const upstream = '--upstream=other=10.0.0.7:1=spiffe://cluster.local/ns/foo/sa/other';
  const aggregated = [...workload, '--outbound=127.0.0.1:1', upstream, '--sds-api=delta-ads'];
  t.match(problems('bootstrap', aggregated), [/^--sds-api: got "delta-ads"/]);
  t.match(problems('health', []), [/^--socket, --address/]);
  t.match(problems('health', ['--address=a:1']), [/^--ca-root: got nothing/]);
  t.match(problems('citadel', ['--jwks=j', '--token-issuer=i', '--max-ttl=1h']), [/^--default-ttl: got/]);
  t.match(problems('citadel', ['--jwks=j']), [/^--token-issuer: got nothing/]);
  const foreign = ['--jwks=j', '--token-issuer=i', '--kubeconfig=k'];
  t.match(problems('citadel', foreign), [/^--kubeconfig: got a value, expected it together with --kubernetes/]);
  t.match(problems('citadel', ['--jwks=j', '--token-issuer=i', '--token-review']), [/^--token-review: got it alone/]);
  const byFile = ['--jwks=j', '--token-issuer=i'];
  t.match(problems('citadel', [...byFile, '--online-intermediate-ttl=1h', '--name-constraints=off']), [
    /^--online-intermediate-ttl: got it alone/,
    /^--name-constraints: got off alone/,
  ]);
  t.match(problems('citadel', [...byFile, '--online-intermediate', '--online-intermediate-ttl=15s']), [
    /^--online-intermediate-ttl: got 15000 ms, expected at least 16000/,
  ]);
  t.match(problems('citadel', [...byFile, '--pod-check']), [/^--pod-check: got it alone/]);
  t.match(problems('citadel', [...byFile, '--trusted-node-account=a/b']), [/^--trusted-node-account: got a value/]);
  t.match(problems('citadel', ['--kubernetes', '--trusted-node-account=ztunnel']), [
    /^--trusted-node-account: got "ztunnel"/,
  ]);
  const issuers = (...values: string[]) => values.map((value) => `--token-issuer=${value}`);
  t.match(problems('citadel', []), [/^--jwks, --kubernetes, --token-issuer ISSUER=KEYS: got none/]);
  t.match(problems('citadel', issuers('i', 'j=j')), [/^--token-issuer: got "i" without keys/]);
  t.match(problems('citadel', ['--jwks=j', ...issuers('i=j')]), [/^--token-issuer: got nothing, expected the issuer/]);
  t.match(problems('citadel', issuers('i=j', 'i=k')), [/^--token-issuer: got "i" twice/]);
  t.match(problems('citadel', [...issuers('i=j'), '--token-issuer-ca=c']), [/^--token-issuer-ca: got a value/]);
  for (const value of ['=j', 'i=', 'i=discovery', 'i=http://k', 'i=https://u:p@k', 'i=ftp://k', 'http://i=discovery']) {
    t.match(problems('citadel', issuers(value)), [/^--token-issuer: got .*, expected ISSUER, or ISSUER=KEYS/], value);
  }
  t.same(
    problems('citadel', [...issuers('https://i=discovery', 'j=https://k/?a=b', 'k=j'), '--token-issuer-ca=c']),
    [],
  );
  for (const enough of [['--kubernetes'], ['--kubernetes', '--kubeconfig=k'], ['--kubernetes', '--token-issuer=i']]) {
    t.equal(readConfig(COMMANDS.citadel, sources(enough)).kind, 'ok', enough.join(' '));
  }
  const ca = ['--jwks=j', '--token-issuer=i'];
  const own = [...ca, '--dns-name=foo/bar=bar.foo.svc', '--dns-name=foo/bar=istiod.istio-system.svc'];
  t.match(problems('citadel', own), [/^--dns-name: got istiod\.istio-system\.svc, expected no name of Citadel itself/]);
  t.match(problems('citadel', [...own, '--server-name=Bar.foo.svc']), [/^--dns-name: got bar\.foo\.svc/]);
});

t.test('a DNS name of an identity is one of a server, and of one service account', async (t) => {
  const citadel = (value: string) =>
    readConfig(COMMANDS.citadel, sources(['--jwks=j', '--token-issuer=i', '--dns-name', value]));
  const result = citadel('istio-system/injector=injector.istio-system.svc');
  const expected = [{ namespace: 'istio-system', serviceAccount: 'injector', dnsName: 'injector.istio-system.svc' }];
  t.same(result.kind === 'ok' ? result.config.dnsNames : result, expected);
  const none = ['', 'a=b', 'a/b', 'a/b=', 'a/b=*.c', 'a/b=10.0.0.1', 'a/b=C.d', 'a/b=c..d', 'a/b=c.', 'a/b=::1'];
  for (const value of [...none, 'A/b=c', 'a/b/c=d', 'a/b=c=d', '/b=c', 'a/=c', `a/b=${'c'.repeat(64)}`, 'a/b=_c.d']) {
    const { kind } = citadel(value);
    t.equal(kind, 'invalid', value);
  }
});

t.test('an agent serves REST on a socket of its own, or not at all', async (t) => {
  const rest = (...args: string[]) => agentProblems(args);
  t.match(rest('--rest=keys'), [/^--rest, --rest-socket: got --rest keys alone/]);
  t.match(rest('--rest-socket=r'), [/^--rest, --rest-socket: got --rest-socket without/]);
  t.match(rest('--rest=bundles', '--rest-socket=s', '--socket=s'), [/^--rest-socket: got the path of --socket/]);
  t.same(rest('--rest=bundles', '--rest-socket=r', '--socket=s'), []);
});

t.test('upstreams and matchers are parsed to their parts', async (t) => {
  const result = readConfig(
    COMMANDS.bootstrap,
    sources([
      ...[
        '--namespace=foo',
        '--service-account=sleep',
        '--outbound=127.0.0.1:1',
        '--inbound=0.0.0.0:2',
        '--app=127.0.0.1:3',
      ],
      ...['--upstream=httpbin.foo=127.0.0.1:4=spiffe://cluster.local/ns/foo/sa/httpbin'],
      ...['--allow=spiffe://cluster.local/ns/foo/*', '--allow=spiffe://cluster.local/ns/bar/sa/sleep'],
    ]),
  );
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  t.match(result.config.upstreams[0], { name: 'httpbin.foo', address: { host: '127.0.0.1', port: 4 } });
  t.equal(`${result.config.upstreams[0]?.spiffeId}`, 'spiffe://cluster.local/ns/foo/sa/httpbin');
  t.strictSame(result.config.allow, [
    { kind: 'prefix', value: 'spiffe://cluster.local/ns/foo/' },
    { kind: 'exact', value: 'spiffe://cluster.local/ns/bar/sa/sleep' },
  ]);
  for (const bad of [
    '--allow=*',
    '--allow=spiffe://*',
    '--allow=spiffe://td*',
    '--upstream=a=b',
    '--upstream=a=b:1=c',
  ]) {
    const refused = readConfig(COMMANDS.bootstrap, sources([...'--namespace=a --service-account=b'.split(' '), bad]));
    t.equal(refused.kind, 'invalid', bad);
  }
});

t.test('values without a flag are those of the last operands of a command', async (t) => {
  const read = (...args: string[]) => readConfig(COMMANDS['log-level'], sources(args, ADDRESS));
  const ADDRESS: Record<string, string> = { SIDECERT_STATUS_ADDRESS: '127.0.0.1:1' };
  t.match(read('debug'), { kind: 'ok', config: { level: 'debug', statusAddress: { port: 1 } } });
  t.match(read('[::1]:2', 'info', '--for', '10m'), {
    config: { level: 'info', statusAddress: { host: '::1', port: 2 }, forMs: 600_000 },
  });
  t.match(read('--level', 'info', '/run/x', 'debug'), { problems: ['--level: got it twice, expected it once'] });
  t.match(read('a', 'b', 'c'), { problems: ['argument: got "c", expected at most 2 without a flag', /.*/, /.*/] });
  t.match(read('debug', '--for', '25h'), { problems: ['--for: got "25h", expected a duration of 1s to 24h'] });
});

for (const name of NAMES) {
  t.test(`${name} gives its help whatever else is wrong`, async (t) => {
    t.equal(readConfig(COMMANDS[name] as CommandSpec, sources(['--nonsense', '--help'])).kind, 'help');
  });
}

/** Without the address of any CA. */
function fileSourceProblems(args: string[], environment?: Record<string, string>): readonly string[] {
  const result = readConfig(COMMANDS.agent, sources(['--identity-source=file', ...args], environment));
  return result.kind === 'invalid' ? result.problems : [];
}

t.test('an identity from files needs no CA, no token and no name of the workload', async (t) => {
  const result = readConfig(COMMANDS.agent, sources(['--identity-source=file']));
  t.match(result, {
    kind: 'ok',
    config: { identityDirectory: '/etc/certs', caAddresses: [], tokenFile: undefined, namespace: undefined },
  });
});

t.test('what is for a CA is refused beside an identity from files, and the reverse', async (t) => {
  const refused = {
    'ca-address': 'a:1',
    'ca-root': 'r',
    'ca-server-name': 'a',
    'ca-header': 'A=b',
    'cert-signer': 'a',
    'idle-grace': '1m',
    'cluster-id': 'c',
    'token-source': 'file',
    'token-file': 't',
    'token-proof-age': '1m',
    ttl: '1h',
    'renew-at': '0.4',
    'survive-ca-outage': '1h',
    'key-type': 'ec-p256',
    'output-certs': '/out',
  };
  for (const [flag, value] of Object.entries(refused)) {
    t.strictSame(fileSourceProblems([`--${flag}=${value}`]), [
      `--${flag}: got a value, expected none with --identity-source file`,
    ]);
  }
  t.strictSame(fileSourceProblems([], { SIDECERT_CA_ADDRESS: 'a:1' }), [
    'SIDECERT_CA_ADDRESS: got a value, expected none with --identity-source file',
  ]);
  for (const flag of ['identity-dir', 'identity-root']) {
    t.strictSame(agentProblems([`--${flag}=/a`]), [`--${flag}: got a value, expected none with --identity-source ca`]);
  }
  t.strictSame(fileSourceProblems(['--identity-dir=certs']), [
    '--identity-dir: got "certs", expected an absolute path',
  ]);
  t.strictSame(fileSourceProblems(['--mode=node']), ['--identity-source: got file, expected ca with --mode node']);
  t.strictSame(fileSourceProblems(['--namespace=foo']), [
    '--namespace, --service-account: got one of them, expected both or neither',
  ]);
});

t.test('an identity from files and a CA has the settings of both, and names its workload', async (t) => {
  const both = ['--identity-source=file,ca', '--ca-address=a:1', '--namespace=foo', '--service-account=sleep'];
  const problems = (args: string[]): readonly string[] => {
    const result = readConfig(COMMANDS.agent, sources(args));
    return result.kind === 'invalid' ? result.problems : [];
  };
  t.match(readConfig(COMMANDS.agent, sources([...both, '--identity-dir=/certs', '--ttl=1h'])), {
    kind: 'ok',
    config: { migrationStep: 'ca', identityDirectory: '/certs', ttlMs: 3_600_000 },
  });
  t.match(readConfig(COMMANDS.agent, sources([...both, '--migration-step=files', '--migration-step-file=/step'])), {
    config: { migrationStep: 'files', migrationStepFile: '/step' },
  });
  t.strictSame(problems([...both, '--migration-step=union']), [
    '--migration-step: got "union", expected one of files, ca, ca-only',
  ]);
  t.match(problems(both.slice(0, 2)), [/^--namespace: got nothing/, /^--service-account: got nothing/]);
  t.strictSame(problems([...both, '--token-source=stream']), [
    '--identity-source: got file,ca, expected ca with --token-source stream',
  ]);
  t.strictSame(problems([...both.slice(0, 2), '--mode=node']), [
    '--identity-source: got file,ca, expected ca with --mode node',
  ]);
  t.strictSame(problems([...both, '--output-certs=/out']), [
    '--output-certs: got a value, expected none with --identity-source file,ca',
  ]);
  t.strictSame(agentProblems(['--migration-step=files']), [
    '--migration-step: got a value, expected none with --identity-source ca',
  ]);
});

t.test('docs/configuration.md is what the schemas say', async (t) => {
  t.equal(readFileSync(`${DOCS}/configuration.md`, 'utf8'), configurationReference(), 'run "npm run docs"');
});

t.test('docs/config-full.json holds every key of every command, and each command accepts its part', async (t) => {
  const full = JSON.parse(readFileSync(`${DOCS}/config-full.json`, 'utf8'));
  t.strictSame(Object.keys(full), NAMES);
  for (const name of NAMES) {
    const command: CommandSpec = COMMANDS[name];
    t.strictSame(
      Object.keys(full[name]),
      Object.values(command.schema).map(({ flag }) => configKey(flag)),
      name,
    );
    // Some exclude each other, as the two ways of asking for health do: no one call can use every key.
    if (name === 'kube-inject' || name === 'injector') delete full[name].outboundPorts;
    const isAgent = name === 'agent' || name === 'doctor';
    if (isAgent) for (const key of ['jwks', 'tokenIssuer']) delete full[name][key];
    if (name === 'health') delete full.health.socket;
    if (name === 'migrate') {
      delete full.migrate.statusAddress;
      delete full.migrate.members;
    }
    if (isAgent) {
      delete full[name].podSockets;
      delete full[name].migrationStep;
      delete full[name].migrationStepFile;
      delete full[name].identityDir;
      delete full[name].identityRoot;
    }
    if (name === 'fleet' || name === 'load-ca') delete full[name].tokenFile;
    if (name === 'revoke') for (const key of ['identity', 'certificate']) delete full.revoke[key];
    if ('caDir' in full[name] && name !== 'citadel') {
      for (const key of ['kubernetes', 'kubeconfig', 'namespace']) delete full[name][key];
    }
    t.match(readConfig(command, sources(['--config=c'], {}, JSON.stringify(full[name]))), { kind: 'ok' }, name);
  }
});

const alternatives = [
  {
    name: 'a flag over the environment',
    args: ['--address=a:1', '--ca-root=r'],
    environment: { SIDECERT_SOCKET: 's' },
  },
  {
    name: 'a flag over the file',
    args: ['--config=c', '--address=a:1', '--ca-root=r'],
    environment: {},
    file: { socket: 's' },
  },
  {
    name: 'the environment over the file',
    args: ['--config=c', '--ca-root=r'],
    environment: { SIDECERT_ADDRESS: 'a:1' },
    file: { socket: 's' },
  },
];

for (const { name, args, environment, file } of alternatives) {
  t.test(`of settings that exclude one another ${name} counts`, (t) => {
    const result = readConfig(COMMANDS.health, sources(args, environment, JSON.stringify(file)));
    t.match(result, { kind: 'ok', config: { address: { host: 'a', port: 1 }, socket: undefined } });
    t.end();
  });
}

t.test('of settings that exclude one another two from one source are one too many', (t) => {
  const environment = { SIDECERT_SOCKET: 's', SIDECERT_ADDRESS: 'a:1', SIDECERT_CA_ROOT: 'r' };
  t.match(readConfig(COMMANDS.health, sources([], environment)), {
    kind: 'invalid',
    problems: [/^--socket, --address/],
  });
  t.match(readConfig(COMMANDS.health, sources(['--socket=s'], environment)), {
    kind: 'ok',
    config: { socket: 's', address: undefined },
  });
  t.end();
});

t.test(
  '--output-certs is off, for one workload whose token is a file, and no other user may read the key',
  async (t) => {
    t.match(agentConfig([]), { outputCerts: undefined, outputCertsMode: '0600', outputCertsOwner: undefined });
    const config = agentConfig(['--output-certs', '/run/certs', '--output-certs-owner', '1000:2000']);
    t.match(config, { outputCerts: '/run/certs', outputCertsOwner: { uid: 1000, gid: 2000 } });
    const owner = (text: string) => agentConfig(['--output-certs=/c', `--output-certs-owner=${text}`]).outputCertsOwner;
    t.strictSame(owner('7'), { uid: 7, gid: undefined });
    t.strictSame(owner(':7'), { uid: undefined, gid: 7 });
    for (const text of ['root', '', ':', '1:', '-1', '1:2:3', '4294967295', '0x7']) {
      const problems = agentProblems(['--output-certs=/c', `--output-certs-owner=${text}`]);
      t.match(problems, [/^--output-certs-owner: got ".*", expected UID:GID, UID or :GID, numbers from 0 to/], text);
    }
    for (const mode of ['0644', '0660', '600', '0666', 'rw']) {
      t.match(agentProblems(['--output-certs=/c', `--output-certs-mode=${mode}`]), [
        /expected one of 0600, 0640, 0400, 0440/,
      ]);
    }
    t.strictSame(agentProblems(['--output-certs-owner=7']), [
      '--output-certs-owner: got it alone, expected it together with --output-certs',
    ]);
    t.match(agentProblems(['--output-certs=/c', '--token-source=stream']), [
      /^--output-certs: got --token-source stream/,
    ]);
    const inNodeMode = readConfig(COMMANDS.agent, sources(['--ca-address=a:1', '--mode=node', '--output-certs=/c']));
    t.match(inNodeMode, { problems: ['--output-certs: got a value, expected none with --mode node'] });
    const fromFiles = readConfig(COMMANDS.agent, sources(['--identity-source=file', '--output-certs=/c']));
    t.match(fromFiles, { problems: ['--output-certs: got a value, expected none with --identity-source file'] });
  },
);

t.test('--on-rotate names a signal and an absolute pid file, or a socket, and needs --output-certs', async (t) => {
  const config = agentConfig(['--output-certs=/c'], {
    SIDECERT_ON_ROTATE: 'SIGHUP:/run/nginx.pid, unix:///run/app.sock',
  });
  t.strictSame(config.onRotate, [
    { kind: 'signal', signal: 'SIGHUP', pidFile: '/run/nginx.pid' },
    { kind: 'socket', path: '/run/app.sock' },
  ]);
  for (const text of [
    'HUP:/a',
    'SIGKILL:/a',
    'SIGSTOP:/a',
    'SIGHUP:',
    'SIGHUP:a.pid',
    'SIGHUP',
    '1:/a',
    '/run/x',
    'unix:@x',
    'sighup:/a',
  ]) {
    t.match(
      agentProblems(['--output-certs=/c', `--on-rotate=${text}`]),
      [/^--on-rotate: got ".*", expected SIGNAL:PIDFILE/],
      text,
    );
  }
  t.strictSame(agentProblems(['--on-rotate=SIGHUP:/a']), [
    '--on-rotate: got it alone, expected it together with --output-certs',
  ]);
});
