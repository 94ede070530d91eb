import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { envoyArgs } from '../../src/demo/sidecars/envoy-sidecar.js';
import { PATIENCE_MS } from './patience.js';
import { shortDir } from './short-dir.js';

/** Where the messages of TLS are. */
export const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

/** Asks for this name over SDS, of the cluster `sds`. */
export const secret = (name: string) => ({
  name,
  sds_config: {
    resource_api_version: 'V3',
    api_config_source: {
      ...{ api_type: 'GRPC', transport_api_version: 'V3', set_node_on_first_message_only: true },
      grpc_services: [
        {
          envoy_grpc: {
            cluster_name: 'sds',
            retry_policy: { retry_back_off: { base_interval: '0.02s', max_interval: '1s' } },
          },
        },
      ],
    },
  },
});

/** A port of this machine. */
export const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

export interface SdsEnvoyOptions {
  /** The program. */
  readonly path: string;
  /** The port of its admin page. */
  readonly admin: number;
  /** Of the agent. */
  readonly socket: string;
  readonly listeners: readonly object[];
  /** Beside `sds`. */
  readonly clusters?: readonly object[];
}

/** Starts an Envoy whose secrets come from an agent, ended with the test. Resolves with a client of its admin page. */
export async function startSdsEnvoy(
  t: Test,
  { path, admin, socket, listeners, clusters = [] }: SdsEnvoyOptions,
): Promise<HttpClient> {
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  const endpoint = { endpoint: { address: { pipe: { path: socket } } } };
  const config = {
    node: { id: 'test', cluster: 'test' },
    admin: { address: address(admin) },
    static_resources: {
      clusters: [
        {
          ...{ name: 'sds', type: 'STATIC', connect_timeout: '1s' },
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: { cluster_name: 'sds', endpoints: [{ lb_endpoints: [endpoint] }] },
        },
        ...clusters,
      ],
      listeners,
    },
  };
  const file = join(shortDir(t), 'envoy.json');
  writeFileSync(file, JSON.stringify(config));
  const envoy = spawn(path, envoyArgs(file), { stdio: 'ignore' });
  const client = new HttpClient(admin);
  t.teardown(() => {
    client.close();
    envoy.kill('SIGKILL');
  });
  await until(
    'Envoy to be ready',
    AbortSignal.timeout(PATIENCE_MS),
    async () => (await client.get('localhost', '/ready')).status === 200 || undefined,
  );
  return client;
}
