import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { citadelAccount } from '../support/citadel-account.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { openHotPath } from '../support/hot-path.js';
import { KubeApiServer, kubernetesPrograms, SERVICE_ACCOUNT_ISSUER } from '../support/kube-apiserver.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { settings } from '../support/settings.js';
import { StatusReader } from '../support/status-reader.js';

const programs = kubernetesPrograms();
const hotPath = openHotPath();

t.test('a Citadel in a cluster', { skip: programs.skip }, async (t) => {
  const server = await KubeApiServer.start(t, programs);
  const account = await citadelAccount(server);
  await server.kubectl('create', 'namespace', 'foo');
  const token = await server.token('foo', 'sleep', '--audience=istio-ca');
  const { csrPem } = await hotPath.prepare({ spiffeId: 'spiffe://cluster.local/ns/foo/sa/sleep', keyType: 'ec-p256' });
  const csr = csrPem.toString();

  const start = async (t: Test, flags: Record<string, string> = {}) => {
    const logger = new RecordingLogger();
    const config = settings(COMMANDS.citadel, {
      ...{ listen: '127.0.0.1:0', kubernetes: 'true', kubeconfig: account, 'status-address': '127.0.0.1:0' },
      ...flags,
    });
    const citadel = await startCitadel(config, { logger, now: Date.now, random: Math.random, nodeFlags: [] });
    t.teardown(() => citadel.close());
    const rootPem = async (namespace: string): Promise<string> => {
      await logger.until('roots are in every namespace');
      return server.kubectl(
        'get',
        'cm',
        '-n',
        namespace,
        'istio-ca-root-cert',
        '-o',
        'jsonpath={.data.root-cert\\.pem}',
      );
    };
    return { citadel, logger, rootPem, pages: new StatusReader(logger) };
  };

  await t.test('accepts the tokens of the cluster, and its root is where pods find it', async (t) => {
    const { citadel, rootPem, pages } = await start(t);
    const roots = Buffer.from(await rootPem('foo'));
    const caller = new CitadelCaller(t, { address: citadel.address, rootPem: roots });
    const answer = await caller.call({ token, csr });
    t.equal(answer.code, status.OK);
    const leaf = new X509Certificate(answer.elements[0] ?? '');
    t.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/foo/sa/sleep');
    t.ok(leaf.verify(new X509Certificate(roots).publicKey));
    t.equal((await caller.call({ token: await server.token('foo', 'sleep'), csr })).code, status.UNAUTHENTICATED);
    t.match(await pages.status(), {
      token_keys: { source: /^the keys of the API server 127.0.0.1:/, issuers: [SERVICE_ACCOUNT_ISSUER] },
      root_config_maps: { namespaces: 4, pending: 0 },
    });
    const { text } = await pages.page('/metrics');
    t.match(text, /^sidecert_token_keys_age_seconds [0-9.e-]+$/m);
    t.match(text, /^sidecert_namespaces_without_roots 0$/m);
  });
});
