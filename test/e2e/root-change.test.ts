import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { startEnvoy } from '../support/bootstrapped-envoy.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { rootSteps } from '../support/root-steps.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** Renewals come after some 15 s: as much is left for a machine that is busy. */
const TTL = '30s';

const REQUESTS_PER_SECOND = 40;

const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';

const [{ path: envoyPath, skip } = { path: '', skip: 'no Envoy' as string | false }] = realEnvoys();

t.test(
  'the root of a running Citadel is changed by its commands while a certificate is revoked, and no request fails',
  { skip, timeout: 250_000 },
  async (t) => {
    const directory = shortDir(t);
    const file = (name: string): string => join(directory, name);
    const issuer = new TokenIssuer();
    const { citadel, address: ca } = await startCitadelProcess(t, {
      file,
      issuer,
      flags: ['--trail-dir', file('trail')],
    });
    const agents: SidecertProcess[] = [];
    const startAgent = async (account: string, ttl = TTL): Promise<string> => {
      writeFileSync(file(`${account}.token`), await issuer.token('foo', account));
      const agent = new SidecertProcess(t, [
        ...['agent', '--socket', file(`${account}.sock`), '--ca-address', ca, '--ca-root', file('root.pem')],
        ...['--token-file', file(`${account}.token`), '--namespace', 'foo', '--service-account', account, '--ttl', ttl],
      ]);
      await agent.says('"agent ready"');
      agents.push(agent);
      return file(`${account}.sock`);
    };
    // Of an agent without an Envoy: the leaves of the others must be good when the load begins.
    await startAgent('revoked');
    const [, serial = ''] = /"serial":"([0-9a-f]+)"/.exec(await citadel.says('"certificate issued"')) ?? [];
    const [sleep, httpbin] = [await startAgent('sleep'), await startAgent('httpbin')];
    const withEnvoys = agents.slice(1);
    const [inbound = 0, app = 0, outbound = 0, ...admins] = await freePorts(5);
    const httpApp = await startHttpbin(app);
    t.teardown(() => httpApp.close());
    const server = {
      socket: httpbin,
      'service-account': 'httpbin',
      inbound: `127.0.0.1:${inbound}`,
      app: `127.0.0.1:${app}`,
    };
    await startEnvoy(t, { path: envoyPath, admin: admins[0] ?? 0 }, server);
    await startEnvoy(
      t,
      { path: envoyPath, admin: admins[1] ?? 0 },
      {
        ...{ socket: sleep, 'service-account': 'sleep', outbound: `127.0.0.1:${outbound}` },
        upstream: `httpbin.foo=127.0.0.1:${inbound}=${HTTPBIN}`,
        // So that handshakes, which are what a wrong order breaks, never cease.
        'max-connection-age': '200ms',
      },
    );
    const client = new HttpClient(outbound);
    t.teardown(() => client.close());
    await until('the way to be open', AbortSignal.timeout(PATIENCE_MS), async () => {
      const answer = await client.get('httpbin.foo', '/status/200').catch(() => undefined);
      return answer?.status === 200 || undefined;
    });
    // With any list Envoy refuses every peer of a key that has none: that of the next root must come before its leaves.
    t.match(await runSidecert(t, ['revoke', '--status-address', file('status'), '--serial', serial]), { code: 0 });
    await Promise.all(withEnvoys.map((agent) => agent.says('"revocation lists of the ca changed"')));
    const load = new SteadyLoad(client, 'httpbin.foo', REQUESTS_PER_SECOND);

    /** The load goes on meanwhile. */
    const root = (step: string) =>
      runSidecert(t, ['root', step, file('ca'), ...(step === 'stage' ? [] : ['--status-address', file('status')])]);
    const { taken, refused } = rootSteps(t, root);
    await startAgent('held', '1h');
    await citadel.says(/"certificate issued".*sa\/held"/);
    const held = agents.at(-1);
    held?.kill('SIGSTOP');
    // The list of the next root cannot be written.
    rmSync(file('trail/crl.pem'));
    mkdirSync(file('trail/crl.pem'));
    t.match(await root('stage'), { code: 0 });
    await refused('activate', /workloads of .* do not have both roots yet: .*sa\/held/);
    await refused('activate', /sa\/httpbin[^,;]* \(revocation lists\)/);
    rmdirSync(file('trail/crl.pem'));
    held?.kill('SIGCONT');
    await taken('activate');
    held?.kill('SIGKILL');
    await held?.ended;
    await refused(
      'retire',
      /workloads of .* have a certificate that would be refused: .*spiffe:\/\/cluster\.local\/ns\/foo\/sa\/held/,
    );
    await startAgent('held');
    await taken('retire');
    const roots = readFileSync(file('ca/root-cert.pem'), 'utf8').match(/-----BEGIN/g) ?? [];
    t.equal(roots.length, 1);
    await citadel.says('"roots are gone from the trust bundle');
    // Handshakes with the new root alone: several a second, for some seconds.
    const wanted = load.sent + 3 * REQUESTS_PER_SECOND;
    await until('more requests', AbortSignal.timeout(PATIENCE_MS), async () => load.sent >= wanted || undefined);
    const { sent, failures } = await load.stop();
    t.same(failures, [], `none of ${sent} requests failed`);
    t.ok(sent > 200);
  },
);
