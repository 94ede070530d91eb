import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { renderBootstrap } from '../../src/app/index.js';
import { type BootstrapConfig, COMMANDS, readConfig } from '../../src/config/index.js';
import { accepted, validate } from '../support/envoy-validate.js';
import { realEnvoy } from '../support/real-envoy.js';

const WORKLOAD = ['--socket', '/run/sds.sock', '--namespace', 'foo', '--service-account', 'httpbin'];
const INBOUND = ['--inbound', '127.0.0.1:15006', '--app', '127.0.0.1:8080'];
const OUTBOUND = [
  ...['--outbound', '127.0.0.1:15001'],
  ...['--upstream', 'httpbin.bar=10.0.0.7:15006=spiffe://cluster.local/ns/bar/sa/httpbin'],
  ...['--upstream', 'other=other.example:443=spiffe://cluster.local/ns/bar/sa/other'],
];

function configOf(args: readonly string[]): BootstrapConfig {
  const files = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };
  const result = readConfig(COMMANDS.bootstrap, { args, environment: {}, files });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result));
  return result.config;
}

/** The parts that the tests below look into. */
interface Rendered {
  node: unknown;
  admin: unknown;
  dynamic_resources?: { ads_config: unknown };
  static_resources: {
    clusters: {
      name: string;
      type: string;
      typed_extension_protocol_options?: Record<string, { explicit_http_config: object }>;
      transport_socket?: { typed_config: Record<string, unknown> };
    }[];
    listeners: {
      name: string;
      filter_chains: {
        transport_socket?: { typed_config: Record<string, unknown> };
        filters: { typed_config: Record<string, unknown> }[];
      }[];
    }[];
  };
}

async function rendered(...args: string[]): Promise<Rendered> {
  return parse(await renderBootstrap(configOf([...WORKLOAD, ...args])));
}

t.test('the SDS cluster comes first, keeps its connection alive and has room for many streams', async (t) => {
  const { static_resources, node, admin } = await rendered(...INBOUND, ...OUTBOUND);
  t.strictSame(node, { id: 'httpbin.foo', cluster: 'httpbin.foo' });
  t.strictSame(admin, { address: { socket_address: { address: '127.0.0.1', port_value: 15000 } } });
  t.match(static_resources.clusters[0], {
    name: 'sds_agent',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '10s' } },
        },
      },
    },
    circuit_breakers: { thresholds: [{ max_requests: 100000 }] },
    load_assignment: {
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: '/run/sds.sock' } } } }] }],
    },
  });
});

t.test('a secret is asked for with the node sent once and a short back-off', async (t) => {
  const { static_resources } = await rendered(...INBOUND, '--initial-fetch-timeout', '1500ms');
  const tls = static_resources.listeners[0]?.filter_chains[0]?.transport_socket?.typed_config;
  const sdsConfig = {
    resource_api_version: 'V3',
    initial_fetch_timeout: '1.5s',
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
      grpc_services: [
        {
          envoy_grpc: {
            cluster_name: 'sds_agent',
            retry_policy: { retry_back_off: { base_interval: '0.02s', max_interval: '1s' } },
          },
        },
      ],
    },
  };
  t.match(tls, {
    require_client_certificate: true,
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
      tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: sdsConfig }],
      combined_validation_context: {
        validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: sdsConfig },
      },
    },
  });
});

const allowed = [
  { name: 'everybody of the trust domain by default', args: [], want: [{ prefix: 'spiffe://cluster.local/' }] },
  {
    name: 'exactly one and a prefix',
    args: ['--allow', 'spiffe://cluster.local/ns/foo/sa/sleep', '--allow', 'spiffe://cluster.local/ns/shop/*'],
    want: [{ exact: 'spiffe://cluster.local/ns/foo/sa/sleep' }, { prefix: 'spiffe://cluster.local/ns/shop/' }],
  },
] as const;
for (const { name, args, want } of allowed) {
  t.test(`the inbound listener lets in ${name}`, async (t) => {
    const { static_resources } = await rendered(...INBOUND, ...args);
    t.match(static_resources.listeners[0]?.filter_chains[0]?.transport_socket?.typed_config, {
      common_tls_context: {
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: want.map((matcher) => ({ san_type: 'URI', matcher })),
          },
        },
      },
    });
  });
}

t.test('the inbound listener replaces what a caller claims about its certificate', async (t) => {
  const { static_resources } = await rendered(...INBOUND);
  t.match(static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config, {
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { uri: true },
  });
});

t.test('an upstream is reached by its name and must prove exactly its SPIFFE ID', async (t) => {
  const { static_resources } = await rendered(...OUTBOUND, '--max-connection-age', '2s');
  const [, httpbin, other] = static_resources.clusters;
  t.match(httpbin, {
    name: 'httpbin.bar',
    type: 'STATIC',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        common_http_protocol_options: { idle_timeout: '300s', max_connection_duration: '2s' },
      },
    },
    transport_socket: {
      typed_config: {
        sni: 'httpbin.bar',
        max_session_keys: 0,
        common_tls_context: {
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [
                { san_type: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/bar/sa/httpbin' } },
              ],
            },
          },
        },
      },
    },
  });
  t.match(other, { name: 'other', type: 'STRICT_DNS' });
  t.match(static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config, {
    route_config: { virtual_hosts: [{ domains: ['httpbin.bar', 'httpbin.bar:*'] }, { domains: ['other', 'other:*'] }] },
  });
});

t.test('with --token-source stream Envoy passes the token of a file, and needs no SDS cluster', async (t) => {
  const { static_resources } = await rendered(...INBOUND, '--token-source', 'stream', '--token-file', '/tokens/token');
  t.strictSame(
    static_resources.clusters.map(({ name }) => name),
    ['local_app'],
  );
  const tls = static_resources.listeners[0]?.filter_chains[0]?.transport_socket?.typed_config;
  const service = {
    google_grpc: {
      target_uri: 'unix:/run/sds.sock',
      channel_credentials: { local_credentials: {} },
      call_credentials: [{ from_plugin: { typed_config: { secret_data: { filename: '/tokens/token' } } } }],
    },
  };
  t.match(tls, {
    common_tls_context: {
      tls_certificate_sds_secret_configs: [{ sds_config: { api_config_source: { grpc_services: [service] } } }],
    },
  });
});

t.test('with --token-by injector a filter of the SDS cluster puts the token into each request', async (t) => {
  const passing = ['--token-source', 'stream', '--token-by', 'injector', '--token-secret', '/etc/envoy/a.yaml'];
  const { static_resources } = await rendered(...INBOUND, ...passing);
  t.match(static_resources.clusters[0], {
    name: 'sds_agent',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        http_filters: [
          {
            name: 'envoy.filters.http.credential_injector',
            typed_config: {
              overwrite: true,
              credential: {
                typed_config: {
                  credential: { sds_config: { path_config_source: { path: '/etc/envoy/a.yaml' } } },
                  header: 'authorization',
                  header_value_prefix: 'Bearer ',
                },
              },
            },
          },
          { name: 'envoy.filters.http.upstream_codec' },
        ],
      },
    },
  });
});

t.test('--print token-secret prints the file that tells the injector where the token is', async (t) => {
  const yaml = await renderBootstrap(
    configOf([...WORKLOAD, ...INBOUND, '--print', 'token-secret', '--token-file', '/tokens/no']),
  );
  t.match(parse(yaml), { resources: [{ generic_secret: { secret: { filename: '/tokens/no' } } }] });
});

t.test('the path of the socket is percent-encoded where it stands in a URI', async (t) => {
  const targetOf = async (socket: string): Promise<unknown> => {
    const args = ['--socket', socket, '--token-source', 'stream', '--namespace', 'foo', '--service-account', 'sleep'];
    const yaml = await renderBootstrap(configOf([...args, ...INBOUND]));
    return /target_uri: "(.*)"/.exec(yaml)?.[1];
  };
  t.equal(await targetOf('/run/a b%41#c?d'), 'unix:/run/a%20b%2541%23c%3Fd');
  t.equal(await targetOf('/run/ä:@;=+&$,!'), 'unix:/run/%C3%A4:@;=+&$,!');
  t.equal(await targetOf('sds/s'), 'unix:sds/s');
});

t.test(
  'each text of the YAML is quoted, so that YAML 1.1 takes none for a number, a truth value or nothing',
  async (t) => {
    const yaml = await renderBootstrap(
      configOf(['--namespace', 'no', '--service-account', 'y', '--node-id', '1:30', ...INBOUND]),
    );
    t.match(yaml, 'id: "1:30"');
    t.match(yaml, 'cluster: "y.no"');
    const unquoted = [...yaml.matchAll(/^[ -]*[^\s"]+: ([^"\s].*)$/gm)].map(([, value]) => value);
    t.ok(unquoted.length > 0);
    t.same(
      unquoted.filter((value) => !/^(true|false|\d+|\[\]|\{\})$/.test(value ?? '')),
      [],
    );
  },
);

const apis = [
  { api: 'delta', source: { api_config_source: { api_type: 'DELTA_GRPC' } }, ads: undefined },
  { api: 'ads', source: { ads: {} }, ads: { api_type: 'GRPC', set_node_on_first_message_only: true } },
  { api: 'delta-ads', source: { ads: {} }, ads: { api_type: 'DELTA_GRPC', set_node_on_first_message_only: true } },
  {
    api: 'rest',
    source: { api_config_source: { api_type: 'REST', cluster_names: ['sds_agent_rest'] } },
    ads: undefined,
  },
] as const;
const byApi = (api: string) => ['--sds-api', api, ...(api === 'rest' ? ['--rest-socket', '/run/rest.sock'] : [])];
for (const { api, source, ads } of apis) {
  t.test(`with --sds-api ${api} both secrets come that way, under the names that the agent has`, async (t) => {
    const names = ['--certificate-name', 'leaf', '--bundle-name', 'ALL'];
    const bootstrap = await rendered(...INBOUND, ...byApi(api), ...names);
    t.match(bootstrap.static_resources.listeners[0]?.filter_chains[0]?.transport_socket?.typed_config, {
      common_tls_context: {
        tls_certificate_sds_secret_configs: [{ name: 'leaf', sds_config: source }],
        combined_validation_context: { validation_context_sds_secret_config: { name: 'ALL', sds_config: source } },
      },
    });
    t.match(bootstrap.dynamic_resources?.ads_config, ads);
  });
}

t.test('polls are HTTP/1.1, streams are HTTP/2', async (t) => {
  const protocols = async (api: string) => {
    const { static_resources } = await rendered(...INBOUND, ...byApi(api));
    const options = static_resources.clusters[0]?.typed_extension_protocol_options ?? {};
    return Object.keys(Object.values(options)[0]?.explicit_http_config ?? {});
  };
  t.same(await protocols('rest'), ['http_protocol_options']);
  t.same(await protocols('ads'), ['http2_protocol_options']);
});

const { path: envoy, skip } = realEnvoy();
const validated = [
  { name: 'both directions, token from a file', args: [...INBOUND, ...OUTBOUND] },
  {
    name: 'both directions, token in each stream',
    args: [...INBOUND, ...OUTBOUND, '--token-source', 'stream', '--token-file', '/tokens/token'],
  },
  ...apis.map(({ api }) => ({ name: `inbound by ${api}`, args: [...INBOUND, ...byApi(api)] })),
  { name: 'inbound only', args: INBOUND },
  { name: 'outbound only', args: OUTBOUND },
] as const;
for (const { name, args } of validated) {
  t.test(`a real Envoy accepts the bootstrap: ${name}`, { skip }, async (t) => {
    const file = join(t.testdir(), 'envoy.yaml');
    await writeFile(file, await renderBootstrap(configOf([...WORKLOAD, ...args])));
    t.match(await validate(envoy, file), accepted(file));
  });
}

t.test('a real Envoy refuses a bootstrap with a field that it does not know', { skip }, async (t) => {
  const file = join(t.testdir(), 'envoy.yaml');
  await writeFile(
    file,
    (await renderBootstrap(configOf([...WORKLOAD, ...INBOUND]))).replace('stat_prefix', 'stat_prefixx'),
  );
  t.notMatch(await validate(envoy, file), accepted(file));
});
