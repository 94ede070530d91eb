import t from 'tap';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { ProjectedVolume } from '../../src/demo/kubernetes/projected-volume.js';
import { kill, says, startMesh } from '../support/mesh.js';
import { realEnvoy } from '../support/real-envoy.js';
import { TokenIssuer } from '../support/test-tokens.js';

const { path: envoyPath, skip } = realEnvoy();

/**
 * Renewals come after 3.6 to 4.4 s, so each second or third of them finds the token ended that Envoy had brought; the
 * certificates live on for a while, for a machine that is busy.
 */
const LIVES = { ttlSeconds: 40, renewAt: 0.1, tokenTtlSeconds: 9 };

const REQUESTS_PER_SECOND = 40;

/** Whose Envoys pass the token in the metadata of each stream, and how. */
const PASSING = [
  { workload: 'httpbin.foo', by: 'by the injector' },
  { workload: 'sleep.foo', by: "by Google's client" },
] as const;
const SERVER = 'httpbin.foo';

t.test('with real Envoys that pass tokens of a few seconds', { skip, timeout: 250_000 }, async (t) => {
  const { cluster, client, deathsOf, nextCertificate, servesOther } = await startMesh(t, {
    envoyPath,
    ...LIVES,
  });

  for (const { workload, by } of PASSING) {
    const agent = cluster.agent(workload);

    await t.test(
      `${by}: when the token of a stream has expired, Envoy brings the new one, and certificates rotate on`,
      async (t) => {
        const load = new SteadyLoad(client('sleep.foo'), SERVER, REQUESTS_PER_SECOND);
        const before = await cluster.sidecar(workload).status();
        let { serial } = before;
        for (const _life of ['first', 'second']) {
          await says(agent, 'ERR_TOKEN_EXPIRED');
          // The one that the new token brings, and one more from the agent's own renewal with that token.
          await nextCertificate(workload);
          serial = await servesOther(workload, serial);
          serial = await nextCertificate(workload).then(() => servesOther(workload, serial));
        }
        const after = await cluster.sidecar(workload).status();
        t.equal(after.pid, before.pid, 'the Envoy is the same process');
        t.equal(deathsOf(agent), 0);
        const { sent, failures } = await load.stop();
        t.strictSame(failures, [], `none of ${sent} requests failed`);
      },
    );

    await t.test(
      `${by}: a token swapped in the kubelet's way is what an Envoy passes that has to reconnect`,
      async (t) => {
        const { tokenDirectory = '', serviceAccount = '' } =
          cluster.plan.workloads.find(({ name }) => name === workload) ?? {};
        const volume = new ProjectedVolume(tokenDirectory, 'istio-token', Date.now);
        await nextCertificate(workload);
        const { pid, serial } = await cluster.sidecar(workload).status();
        cluster.token(workload).close();
        await volume.write(await new TokenIssuer({ alg: 'RS256' }).token('foo', serviceAccount));
        const refused = says(cluster.citadel, 'certificate refused');
        kill(agent);
        await refused;
        t.equal((await client('sleep.foo').get(SERVER, '/ip')).status, 200, 'the last good certificate serves');
        const issued = nextCertificate(workload);
        await cluster.token(workload).start();
        await issued;
        await servesOther(workload, serial);
        t.equal((await cluster.sidecar(workload).status()).pid, pid, 'the Envoy is the same process');
        t.equal((await client('sleep.foo').get(SERVER, '/ip')).status, 200);
      },
    );
  }
});
