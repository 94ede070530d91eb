import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { citadelAccount } from '../support/citadel-account.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { type ClusterCitadel, startInCluster } from '../support/cluster-citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { KubeApiServer, kubernetesPrograms } from '../support/kube-apiserver.js';
import { rootSteps } from '../support/root-steps.js';
import { runSidecert } from '../support/sidecert-process.js';

const programs = kubernetesPrograms();
const hotPath = openHotPath();
const SECRET = ['secret', '-n', 'istio-system', 'istio-ca-secret', '-o', 'json'];

t.test(
  'the root in a Secret is changed by commands, and replicas agree',
  { skip: programs.skip, timeout: 200_000 },
  async (t) => {
    const server = await KubeApiServer.start(t, programs);
    const account = await citadelAccount(server);
    await server.kubectl('create', 'namespace', 'foo');
    const token = await server.token('foo', 'sleep', '--audience=istio-ca');
    const { csrPem } = await hotPath.prepare({
      spiffeId: 'spiffe://cluster.local/ns/foo/sa/sleep',
      keyType: 'ec-p256',
    });

    const start = (t: Test) => startInCluster(t, server, { kubeconfig: account, 'publish-roots': 'off' });
    const [first, second] = [await start(t), await start(t)];
    const secret = async () => JSON.parse(await server.kubectl('get', ...SECRET));
    await server.kubectl('label', 'secret', '-n', 'istio-system', 'istio-ca-secret', 'team=mesh');

    const root = (step: string, ...more: string[]) =>
      runSidecert(t, ['root', step, '--kubernetes', '--kubeconfig', account, ...more]);
    const { taken, refused } = rootSteps(t, root);
    const reread = async () => {
      for (const { citadel } of [first, second]) await citadel.reload?.();
    };
    const issue = async ({ citadel }: ClusterCitadel): Promise<void> => {
      const data = (await secret()).data;
      const rootPem = Buffer.from(data['root-cert.pem'], 'base64');
      const caller = new CitadelCaller(t, { address: citadel.address, rootPem });
      t.equal((await caller.call({ token, csr: csrPem.toString() })).code, status.OK);
    };

    await issue(first);
    const before = await secret();
    t.match(await root('status'), { code: 0, out: /^change of the root: steady\nsigns: [0-9a-f]{64}\n/ });

    const both = await Promise.all([root('stage'), root('stage')]);
    t.same(both.map(({ code }) => code).sort(), [0, 1], 'of two at once one is taken');
    t.match(both.map(({ err }) => err).join(''), /ERR_ROTATION_REFUSED: stage: the change of the root is at staged/);
    const staged = await secret();
    t.equal(staged.type, 'istio.io/ca-root');
    t.equal(staged.metadata.labels.team, 'mesh');
    t.equal(staged.data['ca-key.pem'], before.data['ca-key.pem'], 'the old one signs');

    t.match(await root('activate'), { code: 1, err: /replica \S+ does not use these files yet/ });
    await reread();
    t.match(
      await refused('activate', /do not have both roots/),
      /: 1 workloads of replica \S+ do not have both roots yet: spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep/,
    );
    await issue(first);
    await first.citadel.reload?.();
    await taken('activate');

    await reread();
    t.match(
      await refused('retire', /would be refused/),
      /workloads of replica \S+ have a certificate that would be refused: spiffe:\/\/cluster.local\/ns\/foo/,
    );
    await second.citadel.close();
    t.match(await first.pages.status(), { authority: { root_change: { step: 'active' } } });
    await issue(first);
    await taken('retire');
    const after = await secret();
    t.not(after.data['ca-key.pem'], before.data['ca-key.pem']);
    t.equal(after.data['root-cert.pem'], after.data['ca-cert.pem']);
    t.same(
      Object.keys(after.data).sort(),
      [...Object.keys(before.data), 'rotation.json'].sort(),
      'no other key is left',
    );

    const third = await start(t);
    await issue(third);
    const shown = await root('status', '-o', 'json');
    t.match(shown, { code: 0, err: '' });
    const told = JSON.parse(shown.out);
    t.equal(told.record.history.length, 3);
    t.same(told.ended, [], 'of a replica that issued nothing and has ended nothing is left');
    const reports = ['configmap', 'sidecert-citadel-replicas', '-n', 'istio-system'];
    const known = await server.kubectl('get', ...reports, '-o', 'jsonpath={.data.known-since}');
    const signer = Buffer.from(before.data['ca-cert.pem'], 'base64');
    t.equal(Date.parse(known), Date.parse(new X509Certificate(signer).validFrom), 'who has made the root knows all');
    t.match(await root('stage', '--namespace', 'foo'), { code: 1, err: /ERR_KUBERNETES_REFUSED: .*foo\/cacerts/ });
    t.match(await root('stage', '--ca-dir', '/x'), { code: 2, err: /--ca-dir, --kubernetes: got both, expected one/ });
  },
);
