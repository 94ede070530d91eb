import { join } from 'node:path';
import t from 'tap';
import { type EnvoyObject, typed } from '../../src/envoy-bootstrap/envoy-values.js';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { BackendApp } from '../support/backend-app.js';
import { askMtls, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoy } from '../support/real-envoy.js';
import { envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const TLS = 'envoy.extensions.transport_sockets.tls';

/** Lets each handshake ask for the certificate of its server name, instead of one certificate for all. */
function selectBySni(bootstrap: EnvoyObject): EnvoyObject {
  const changed = structuredClone(bootstrap);
  // The one listener's one filter chain, as the bootstrap has it.
  const { listeners } = (changed as unknown as BootstrapWithTls).static_resources;
  const downstream = listeners[0]?.filter_chains[0]?.transport_socket.typed_config;
  if (downstream === undefined) throw new Error('the bootstrap has no listener with TLS');
  // Envoy cannot resume sessions with it.
  downstream.disable_stateless_session_resumption = true;
  downstream.disable_stateful_session_resumption = true;
  const context = downstream.common_tls_context;
  const [first] = context.tls_certificate_sds_secret_configs ?? [];
  delete context.tls_certificate_sds_secret_configs;
  context.custom_tls_certificate_selector = {
    name: 'envoy.tls.certificate_selectors.on_demand_secret',
    typed_config: typed(`${TLS}.cert_selectors.on_demand_secret.v3.Config`, {
      config_source: first?.sds_config,
      certificate_mapper: {
        name: 'envoy.tls.certificate_mappers.sni',
        typed_config: typed(`${TLS}.cert_mappers.sni.v3.SNI`, { default_value: 'default' }),
      },
    }),
  };
  return changed;
}

interface BootstrapWithTls {
  readonly static_resources: {
    readonly listeners: readonly {
      readonly filter_chains: readonly {
        readonly transport_socket: { readonly typed_config: DownstreamTls };
      }[];
    }[];
  };
}

interface DownstreamTls {
  readonly common_tls_context: TlsContext;
  disable_stateless_session_resumption?: boolean;
  disable_stateful_session_resumption?: boolean;
}

interface TlsContext {
  tls_certificate_sds_secret_configs?: readonly { readonly sds_config: EnvoyObject }[];
  custom_tls_certificate_selector?: EnvoyObject;
}

// The oldest Envoy has no such selector.
const { path, skip } = realEnvoy();

t.test('row 31: handshakes ask for certificates on demand', { skip, timeout: 250_000 }, async (t) => {
  const directory = shortDir(t);
  const files = envoyFiles(directory);
  const ca = TestCa.root();
  const endpoint = await SdsEndpoint.start(t, join(directory, 'sds'));
  await BackendApp.start(t, files.app);
  const { source } = endpoint;
  const [usual, later] = [svidSecret(ca), svidSecret(ca)];
  source.setSecrets({ default: usual, ROOTCA: bundleSecret(ca.certificatePem) });
  source.impossible.add('never');
  const bootstrap = sidecarBootstrap(files, { socketPath: endpoint.socketPath, sdsApi: 'delta' });
  const envoy = await RunningEnvoy.start(t, { path, files, bootstrap: selectBySni(bootstrap) });
  const client = identityOf(ca, SLEEP_ID);
  await untilServed(envoy, client, serialOf(usual));

  await t.test('one that can never be ends the handshake', async (t) => {
    t.match(await askMtls(files.inbound, { ...client, sni: 'never' }), { kind: 'refused' });
  });

  await t.test('one that is not there yet holds the handshake until it comes', async (t) => {
    const requests = endpoint.logger.of('sds request').length;
    const asked = askMtls(files.inbound, { ...client, sni: 'later' });
    await endpoint.logger.until('sds request', requests + 1);
    source.setSecrets({ later });
    t.match(await asked, { kind: 'answered', serial: serialOf(later) });
  });
});
