import t from 'tap';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { ProjectedVolume } from '../../src/demo/kubernetes/projected-volume.js';
import { says, startMesh } from '../support/mesh.js';
import { realEnvoy } from '../support/real-envoy.js';
import { TokenIssuer } from '../support/test-tokens.js';

const { path: envoyPath, skip } = realEnvoy();

/** Renewals come after 3.6 to 4.4 s, so each second or third of them finds the token ended that Envoy had brought. */
const TTL_SECONDS = 8;
const TOKEN_TTL_SECONDS = 9;

const REQUESTS_PER_SECOND = 40;

/** Its Envoys pass the token in the metadata of each stream, read from the file by Google's client. */
const WORKLOAD = 'httpbin.foo';

t.test('with real Envoys that pass tokens of a few seconds', { skip, timeout: 120_000 }, async (t) => {
  const { cluster, client, nextCertificate, servesOther } = await startMesh(t, {
    envoyPath,
    ttlSeconds: TTL_SECONDS,
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
  });
  const agent = cluster.agent(WORKLOAD);

  await t.test(
    'when the token of a stream has ended, Envoy brings the new one, and certificates rotate on',
    async (t) => {
      const load = new SteadyLoad(client('sleep.foo'), WORKLOAD, REQUESTS_PER_SECOND);
      const before = await cluster.sidecar(WORKLOAD).status();
      let { serial } = before;
      for (const _life of ['first', 'second']) {
        await says(agent, 'ERR_TOKEN_EXPIRED');
        // The one that the new token brings, and one more from the agent's own renewal with that token.
        await nextCertificate(WORKLOAD);
        serial = await servesOther(WORKLOAD, serial);
        serial = await nextCertificate(WORKLOAD).then(() => servesOther(WORKLOAD, serial));
      }
      const after = await cluster.sidecar(WORKLOAD).status();
      t.equal(after.pid, before.pid, 'the Envoy is the same process');
      t.equal(agent.restarts, 0);
      const { sent, failures } = await load.stop();
      t.strictSame(failures, [], `none of ${sent} requests failed`);
    },
  );

  await t.test("a token swapped in the kubelet's way is what an Envoy passes that has to reconnect", async (t) => {
    const { tokenDirectory } = cluster.plan.workloads.find(({ name }) => name === WORKLOAD) ?? { tokenDirectory: '' };
    const volume = new ProjectedVolume(tokenDirectory, 'istio-token', Date.now);
    await nextCertificate(WORKLOAD);
    const { pid, serial } = await cluster.sidecar(WORKLOAD).status();
    cluster.token(WORKLOAD).close();
    await volume.write(await new TokenIssuer({ alg: 'RS256' }).token('foo', 'httpbin'));
    const refused = says(cluster.citadel, 'certificate refused');
    agent.kill('SIGKILL');
    await refused;
    t.equal((await client('sleep.bar').get(WORKLOAD, '/ip')).status, 200, 'the last good certificate serves');
    const issued = nextCertificate(WORKLOAD);
    await cluster.token(WORKLOAD).refresh();
    await issued;
    await servesOther(WORKLOAD, serial);
    t.equal((await cluster.sidecar(WORKLOAD).status()).pid, pid, 'the Envoy is the same process');
    t.equal((await client('sleep.bar').get(WORKLOAD, '/ip')).status, 200);
  });
});
