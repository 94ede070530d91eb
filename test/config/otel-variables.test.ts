import { inspect } from 'node:util';
import t from 'tap';
import { COMMANDS, type ConfigSources, readConfig } from '../../src/config/index.js';

const FILES: ConfigSources['files'] = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };
const AGENT = ['--ca-address', 'localhost:15012', '--namespace', 'foo', '--service-account', 'sleep'];
const CITADEL = ['--jwks', 'jwks.json', '--token-issuer', 'https://issuer'];

function readAgent(environment: Record<string, string>, args: string[] = []) {
  return readConfig(COMMANDS.agent, { args: [...AGENT, ...args], environment, files: FILES });
}

function readCitadel(environment: Record<string, string>, args: string[] = []) {
  return readConfig(COMMANDS.citadel, { args: [...CITADEL, ...args], environment, files: FILES });
}

function problemsOf(environment: Record<string, string>, args: string[] = []): readonly string[] {
  const result = readAgent(environment, args);
  return result.kind === 'invalid' ? result.problems : [];
}

/** Where traces go, or `undefined`. */
function endpoint(environment: Record<string, string>, args: string[] = []): string | undefined {
  const result = readAgent(environment, args);
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.config.otlpEndpoint?.href;
}

const URLS = [
  { given: 'http://localhost:4318', want: 'http://localhost:4318/v1/traces' },
  { given: 'http://localhost:4318/', want: 'http://localhost:4318/v1/traces' },
  { given: 'https://example.com/otlp', want: 'https://example.com/otlp/v1/traces' },
  { given: 'https://example.com/v1/traces', want: 'https://example.com/v1/traces' },
  { given: 'http://[::1]:4318', want: 'http://[::1]:4318/v1/traces' },
];
for (const { given, want } of URLS) {
  t.test(`traces go to ${want}, given ${given}`, async (t) => {
    t.equal(endpoint({}, ['--otlp-endpoint', given]), want);
    t.equal(endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: given }), want);
  });
}

for (const given of [
  'localhost:4318',
  'grpc://localhost',
  'http://',
  'http://a b',
  'http://user:pass@a',
  'http://a?x=1',
]) {
  t.test(`${given} is no endpoint`, async (t) => {
    const [problem = '', ...others] = problemsOf({}, ['--otlp-endpoint', given]);
    t.match(problem, /^--otlp-endpoint: got .*, expected a URL of http or https/);
    t.notMatch(problem, /user:pass/);
    t.strictSame(others, []);
    t.match(problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: given }), [/^OTEL_EXPORTER_OTLP_ENDPOINT: got /]);
  });
}

t.test('without any of them nothing is traced', async (t) => {
  t.equal(endpoint({ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }), undefined);
});

const OTHERS: Record<string, string>[] = [
  { OTEL_SDK_DISABLED: 'true' },
  { OTEL_TRACES_EXPORTER: 'none' },
  { OTEL_TRACES_EXPORTER: 'zipkin' },
  { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
  { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
];
for (const variables of OTHERS) {
  t.test(
    `${JSON.stringify(variables)}: the endpoint of the environment is not for us, that of a flag is`,
    async (t) => {
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other:4317', ...variables };
      t.equal(endpoint(environment), undefined);
      t.equal(endpoint(environment, ['--otlp-endpoint', 'http://ours:4318']), 'http://ours:4318/v1/traces');
    },
  );
}

t.test('what is for traces alone comes first, and our own settings before all', async (t) => {
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4318',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/v1/traces',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
  };
  t.equal(endpoint(environment), 'http://traces:4318/v1/traces');
  t.equal(endpoint({ ...environment, SIDECERT_OTLP_ENDPOINT: 'http://own:1' }), 'http://own:1/v1/traces');
});

t.test('headers and attributes are lists of pairs, percent-encoded, and headers show no value', async (t) => {
  const result = readAgent({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a',
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20s3cret, x-org = west ,',
    OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=a-0,team=blue%20and%2Cgreen',
    OTEL_SERVICE_NAME: 'ours',
  });
  t.match(result, {
    config: {
      otlpHeaders: [
        { name: 'authorization', value: 'Bearer s3cret' },
        { name: 'x-org', value: 'west' },
      ],
      traceResource: [
        { name: 'k8s.pod.name', value: 'a-0' },
        { name: 'team', value: 'blue and,green' },
      ],
      traceService: 'ours',
    },
  });
  t.notMatch(inspect(result, { depth: 9 }) + JSON.stringify(result), /s3cret/);
});

const UNUSABLE: { variables: Record<string, string>; flag: string; used: unknown }[] = [
  {
    variables: { OTEL_EXPORTER_OTLP_HEADERS: 'host=s3cret,x-org=west' },
    flag: 'otlpHeaders',
    used: [{ name: 'x-org' }],
  },
  { variables: { OTEL_EXPORTER_OTLP_HEADERS: 'host=s3cret' }, flag: 'otlpHeaders', used: [] },
  {
    variables: { OTEL_RESOURCE_ATTRIBUTES: 'team=blue,empty=,a b=c,none,long=%41%4' },
    ...{ flag: 'traceResource', used: [{ name: 'team', value: 'blue' }, { name: 'long' }] },
  },
  { variables: { OTEL_RESOURCE_ATTRIBUTES: `long=${'x'.repeat(999)}` }, flag: 'traceResource', used: [] },
  { variables: { OTEL_SERVICE_NAME: 'a\nb' }, flag: 'traceService', used: undefined },
  {
    variables: { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'half' },
    ...{ flag: 'traceRatio', used: 1 },
  },
];
for (const { variables, flag, used } of UNUSABLE) {
  const [name = ''] = Object.keys(variables);
  t.test(`${JSON.stringify(variables)}: what cannot be used is ignored, and told by its name alone`, async (t) => {
    const result = readAgent({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', ...variables });
    if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
    t.match(Object(result.config)[flag], used);
    t.equal([Object(result.config)[flag]].flat().length, [used].flat().length);
    t.strictSame(result.ignored, [name]);
  });

  t.test(`${JSON.stringify(variables)}: without a collector it is not looked at`, async (t) => {
    for (const environment of [variables, { ...variables, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', ...OTHERS[3] }]) {
      const result = readAgent(environment);
      t.equal(result.kind, 'ok');
      t.notMatch(JSON.stringify(result), name);
    }
  });
}

t.test('roots of a collector are not looked for without one', async (t) => {
  const files: ConfigSources['files'] = { ...FILES, whyUnreadable: () => 'no such file' };
  const environment = { OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere.pem' };
  const args = [
    '--ca-address',
    'localhost:15012',
    '--ca-plaintext',
    '--namespace',
    'foo',
    '--service-account',
    'sleep',
  ];
  const read = (more: Record<string, string>) =>
    readConfig(COMMANDS.agent, { args, environment: { ...environment, ...more }, files });
  t.notMatch(read({}), { problems: [/OTEL/] });
  t.match(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a' }), { problems: [/^OTEL_EXPORTER_OTLP_CERTIFICATE: got/] });
});

const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a' };

const SAMPLERS = [
  { sampler: 'always_on', ratio: 1, parent: false },
  { sampler: 'always_off', ratio: 0, parent: false },
  { sampler: 'traceidratio', argument: '0.25', ratio: 0.25, parent: false },
  { sampler: 'traceidratio', ratio: 1, parent: false },
  { sampler: 'parentbased_always_on', ratio: 1, parent: true },
  { sampler: 'parentbased_always_off', ratio: 0, parent: true },
  { sampler: 'parentbased_traceidratio', argument: '.5', ratio: 0.5, parent: true },
];
for (const { sampler, argument = '', ratio, parent } of SAMPLERS) {
  t.test(`the sampler ${sampler} ${argument} is --trace-ratio ${ratio}`, async (t) => {
    const environment = { ...COLLECTOR, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument };
    t.match(readAgent(environment), { config: { traceRatio: ratio } });
    t.match(readCitadel(environment), { config: { traceRatio: ratio, isTraceParentBased: parent } });
    t.match(readCitadel(environment, ['--trace-ratio', '0.75']), {
      config: { traceRatio: 0.75, isTraceParentBased: false },
    });
  });
}

t.test('a sampler that we do not have is ignored, and told', async (t) => {
  t.match(readAgent({ ...COLLECTOR, OTEL_TRACES_SAMPLER: 'jaeger_remote' }), {
    config: { traceRatio: 1 },
    ignored: ['OTEL_TRACES_SAMPLER'],
  });
});

for (const ratio of ['1.5', '-1', 'half', '1e-3', '']) {
  t.test(`${JSON.stringify(ratio)} is no ratio`, async (t) => {
    t.match(problemsOf({}, [`--trace-ratio=${ratio}`]), [
      /^--trace-ratio: got ".*", expected a decimal number from 0 to 1/,
    ]);
  });
}
