import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { citadelAccount } from '../support/citadel-account.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { type ClusterCitadel, startInCluster } from '../support/cluster-citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { KubeApiServer, kubernetesPrograms } from '../support/kube-apiserver.js';

const programs = kubernetesPrograms();
const hotPath = openHotPath();

t.test(
  'replicas that start at once share one online intermediate, which is in a Secret of its own',
  { skip: programs.skip, timeout: 250_000 },
  async (t) => {
    const server = await KubeApiServer.start(t, programs);
    // By the role of deploy/rbac-citadel.yaml.
    const account = await citadelAccount(server);
    await server.kubectl('create', 'namespace', 'foo');
    const token = await server.token('foo', 'sleep', '--audience=istio-ca');
    const spiffeId = 'spiffe://cluster.local/ns/foo/sa/sleep';
    const { csrPem } = await hotPath.prepare({ spiffeId, keyType: 'ec-p256' });
    const secret = async (name: string) =>
      JSON.parse(await server.kubectl('get', 'secret', '-n', 'istio-system', name, '-o', 'json'));
    const flags = { kubeconfig: account, 'online-intermediate': 'true', 'publish-roots': 'off' };
    /** The intermediate behind a leaf, and the root. */
    const issue = async ({ citadel }: ClusterCitadel): Promise<readonly string[]> => {
      const root = Buffer.from((await secret('istio-ca-secret')).data['root-cert.pem'], 'base64');
      const caller = new CitadelCaller(t, { address: citadel.address, rootPem: root });
      const { code, elements } = await caller.call({ token, csr: csrPem.toString() });
      t.equal(code, status.OK);
      const [leaf, intermediate, above] = elements.map((pem) => new X509Certificate(pem));
      t.ok(leaf && intermediate && above && leaf.verify(intermediate.publicKey));
      t.ok(intermediate?.verify(new X509Certificate(root).publicKey));
      return elements.slice(1);
    };

    const both = await Promise.all([startInCluster(t, server, flags), startInCluster(t, server, flags)]);
    const [one, other] = [await issue(both[0]), await issue(both[1])];
    t.same(one, other);
    t.same(await issue(await startInCluster(t, server, flags)), one, 'one that starts later, too');
    const kept = await secret('sidecert-online-intermediate');
    t.match(kept, { type: 'sidecert.dev/online-intermediate', data: { 'online-intermediate.pem': /./ } });
    t.equal(Object.keys((await secret('istio-ca-secret')).data).length, 4, 'that of the root is as it was');
    t.match(await both[0].pages.status(), {
      online_intermediate: { place: 'Secret istio-system/sidecert-online-intermediate', name_constraints: 'on' },
    });
  },
);
