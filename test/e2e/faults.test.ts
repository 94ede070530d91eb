import t from 'tap';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { servedSerial } from '../../src/demo/checks/tls-probe.js';
import { ProjectedVolume } from '../../src/demo/kubernetes/projected-volume.js';
import { until } from '../../src/demo/polling.js';
import { kill, says, startMesh } from '../support/mesh.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoy } from '../support/real-envoy.js';

const { path: envoyPath, skip } = realEnvoy();

/** Renewals come after 3.6 to 4.4 s, and much is left for a fault, and a busy machine, before the certificate ends. */
const LIVES = { ttlSeconds: 40, renewAt: 0.1 };

const REQUESTS_PER_SECOND = 40;

const patience = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);

t.test('with one mesh of real Envoys', { skip, timeout: 250_000 }, async (t) => {
  const mesh = await startMesh(t, { envoyPath, ...LIVES });
  const { cluster, client, deathsOf, nextCertificate, servesOther } = mesh;
  const [server] = cluster.plan.servers;
  const port = server?.inbound?.port ?? 0;

  await t.test('a Citadel that stops costs no request, and after it is back certificates rotate again', async (t) => {
    const load = new SteadyLoad(client('sleep.foo'), 'httpbin.foo', REQUESTS_PER_SECOND);
    const agent = cluster.agent('httpbin.foo');
    const failure = says(agent, 'svid renewal failed');
    await cluster.citadel.stop();
    await failure;
    const held = await servedSerial(port);
    const renewed = Promise.all(cluster.plan.workloads.map(({ name }) => nextCertificate(name)));
    await cluster.startCitadel();
    await renewed;
    t.not(await servesOther('httpbin.foo', held), held);
    const { sent, failures } = await load.stop();
    t.strictSame(failures, [], `none of ${sent} requests failed`);
    t.equal(deathsOf(agent), 0);
  });

  await t.test('an agent killed with SIGKILL costs no request, and its Envoy takes the new secret', async (t) => {
    const load = new SteadyLoad(client('sleep.foo'), 'httpbin.foo', REQUESTS_PER_SECOND);
    const before = await cluster.sidecar('httpbin.foo').status();
    const reissued = nextCertificate('httpbin.foo');
    const killed = kill(cluster.agent('httpbin.foo'));
    await until('a new agent', patience(), async () => {
      const { pid } = cluster.agent('httpbin.foo');
      return (pid !== undefined && pid !== killed) || undefined;
    });
    await reissued;
    await servesOther('httpbin.foo', before.serial);
    const after = await cluster.sidecar('httpbin.foo').status();
    t.equal(after.pid, before.pid, 'the Envoy is the same process');
    t.ok(after.uptimeSeconds >= before.uptimeSeconds);
    t.equal((await client('sleep.bar').get('httpbin.foo', '/ip')).status, 200);
    const { sent, failures } = await load.stop();
    t.strictSame(failures, [], `none of ${sent} requests failed`);
  });

  await t.test(
    "a token file is read anew after the kubelet's swap, and a bad token costs nothing at once",
    async (t) => {
      const workload = cluster.plan.workloads.find(({ name }) => name === 'httpbin.bar');
      const volume = new ProjectedVolume(workload?.tokenDirectory ?? '', 'istio-token', Date.now);
      const refused = says(cluster.agent('httpbin.bar'), 'svid renewal failed');
      await volume.write('not.a.token');
      await refused;
      const { serial } = await cluster.sidecar('httpbin.bar').status();
      t.equal((await client('sleep.foo').get('httpbin.bar', '/ip')).status, 200, 'the last good certificate serves');
      const renewed = nextCertificate('httpbin.bar');
      await cluster.token('httpbin.bar').refresh();
      await renewed;
      await servesOther('httpbin.bar', serial);
      t.equal(deathsOf(cluster.agent('httpbin.bar')), 0);
      t.equal((await client('sleep.foo').get('httpbin.bar', '/ip')).status, 200);
    },
  );

  await t.test('an Envoy killed with SIGKILL gets its identity from the agent that is there', async (t) => {
    const { pid } = await cluster.sidecar('httpbin.bar').status();
    process.kill(pid, 'SIGKILL');
    await until('a new Envoy', patience(), async () => {
      const status = await cluster.sidecar('httpbin.bar').status();
      return (status.pid !== pid && status.serial !== '') || undefined;
    });
    await cluster.sidecar('httpbin.bar').ready(patience());
    t.equal((await client('sleep.foo').get('httpbin.bar', '/ip')).status, 200);
    t.equal(deathsOf(cluster.agent('httpbin.bar')), 0);
  });
});
