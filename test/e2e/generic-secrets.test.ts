import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { realEnvoys } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { askUnix } from '../support/unix-http.js';

const TYPES = 'type.googleapis.com/envoy.extensions';

/** A name that an operator gives to a credential. */
const NAME = 'api-credential';

/** A place for an extension: its name, and its settings. */
const extension = (name: string, type: string, settings: object = {}) => ({
  name,
  typed_config: { '@type': `${TYPES}.${type}`, ...settings },
});

const cluster = (name: string, path: string, more: object = {}) => ({
  ...{ name, type: 'STATIC', connect_timeout: '1s', ...more },
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
  },
});

/** Puts the credential, which it takes by SDS, into each request that goes to the application. */
function credentialInjector(apiType: 'GRPC' | 'DELTA_GRPC') {
  const credential = {
    name: NAME,
    sds_config: {
      resource_api_version: 'V3',
      api_config_source: {
        ...{ api_type: apiType, transport_api_version: 'V3', set_node_on_first_message_only: true },
        grpc_services: [{ envoy_grpc: { cluster_name: 'sds' } }],
      },
    },
  };
  return extension('envoy.filters.http.credential_injector', 'filters.http.credential_injector.v3.CredentialInjector', {
    ...{ overwrite: true, allow_request_without_credential: false },
    credential: extension('envoy.http.injected_credentials.generic', 'http.injected_credentials.generic.v3.Generic', {
      credential,
    }),
  });
}

function bootstrapOf(files: ReturnType<typeof envoyFiles>, socket: string, apiType: 'GRPC' | 'DELTA_GRPC') {
  const http2 = extension('', 'upstreams.http.v3.HttpProtocolOptions', {
    explicit_http_config: { http2_protocol_options: {} },
  }).typed_config;
  const connections = extension(
    'envoy.filters.network.http_connection_manager',
    'filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'in',
      route_config: {
        virtual_hosts: [
          { name: 'app', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }] },
        ],
      },
      http_filters: [
        credentialInjector(apiType),
        extension('envoy.filters.http.router', 'filters.http.router.v3.Router'),
      ],
    },
  );
  return {
    node: { id: 'test', cluster: 'test' },
    admin: { address: { pipe: { path: files.admin } } },
    static_resources: {
      clusters: [
        cluster('app', files.app),
        cluster('sds', socket, {
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
        }),
      ],
      listeners: [{ address: { pipe: { path: files.outbound } }, filter_chains: [{ filters: [connections] }] }],
    },
  };
}

/** An application that answers with the credential that it was shown. */
async function startApp(t: Test, path: string): Promise<void> {
  const server = createServer((request, response) => response.end(String(request.headers.authorization)));
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
}

for (const { name, path, skip } of realEnvoys()) {
  for (const apiType of ['GRPC', 'DELTA_GRPC'] as const) {
    t.test(
      `${name} by ${apiType} injects a credential that is a generic secret, and a newer one`,
      { skip, timeout: 250_000 },
      async (t) => {
        const directory = shortDir(t);
        const files = envoyFiles(directory);
        const file = join(directory, 'credential');
        const write = (credential: string): void => {
          writeFileSync(`${file}.new`, credential);
          renameSync(`${file}.new`, file);
        };
        write('Bearer first');
        const agent = await startSidecarAgent(t, {
          flags: { 'secret-dir': directory, 'generic-secret': `${NAME}=${file}` },
        });
        await startApp(t, files.app);
        const bootstrap = bootstrapOf(files, agent.socket, apiType);
        const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
        await envoy.ready();
        const shown = async (): Promise<string> => (await askUnix(files.outbound, '/')).body;
        t.equal(await shown(), 'Bearer first');

        write('Bearer second');
        await envoy.until('the second', async () => (await shown()) === 'Bearer second' || undefined);
        t.equal(await envoy.stat(`${NAME}.update_rejected`), 0);

        write('');
        await agent.logger.until('secret files refused, the last good content stays');
        t.equal(await shown(), 'Bearer second', 'an empty file never replaces what was good');
      },
    );
  }
}
