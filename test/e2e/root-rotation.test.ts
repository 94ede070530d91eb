import t from 'tap';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { startEnvoy } from '../support/bootstrapped-envoy.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import type { RecordingLogger } from '../support/recording-logger.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';

/** Renewals come after 2.7 to 3.3 s; a leaf lives on for a machine that is busy, and its root as long. */
const LIVES = { ttl: '20s', 'renew-at': '0.15' };

/** Both mostly wait for renewals, beside one another. */
t.jobs = 2;

const REQUESTS_PER_SECOND = 40;

const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';

/** The identity of a token's service account, as a CA sees it. */
function identityOf(authorization: string): string {
  const { sub } = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
  const [, , namespace, serviceAccount] = sub.split(':');
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}

/** The roots that an Envoy verifies its peers with, by their serials. */
async function rootsOf(admin: HttpClient): Promise<string[]> {
  const { certificates } = JSON.parse((await admin.get('localhost', '/certs')).body);
  const roots = certificates.flatMap(({ ca_cert }: { ca_cert?: { serial_number: string }[] }) => ca_cert ?? []);
  return [...new Set<string>(roots.map(({ serial_number }: { serial_number: string }) => serial_number))];
}

const hex = (serial: string): bigint => BigInt(`0x${serial}`);

for (const { name, path, skip } of realEnvoys())
  t.test(
    `row 46: between two of ${name} no request fails while the CA goes over to another root`,
    { skip, timeout: 250_000, buffered: true },
    async (t) => {
      const ca = await FakeCaServer.start(t);
      ca.identityOf = identityOf;
      const start = (serviceAccount: string) => startSidecarAgent(t, { ca, serviceAccount, flags: LIVES });
      const [sleep, httpbin] = [await start('sleep'), await start('httpbin')];
      t.teardown(() => {
        if (!t.passing()) process.stderr.write(`${sleep.logger.text}\n${httpbin.logger.text}\n`);
      });
      const [inbound = 0, app = 0, outbound = 0, ...admins] = await freePorts(5);
      const httpApp = await startHttpbin(app);
      t.teardown(() => httpApp.close());
      const address = (port: number): string => `127.0.0.1:${port}`;
      const serverAdmin = await startEnvoy(
        t,
        { path, admin: admins[0] ?? 0 },
        {
          ...{ socket: httpbin.socket, 'service-account': 'httpbin', inbound: address(inbound), app: address(app) },
        },
      );
      const clientAdmin = await startEnvoy(
        t,
        { path, admin: admins[1] ?? 0 },
        {
          ...{ socket: sleep.socket, 'service-account': 'sleep', outbound: address(outbound) },
          upstream: `httpbin.foo=${address(inbound)}=${HTTPBIN}`,
          // So that handshakes, which are what a wrong order breaks, never cease.
          'max-connection-age': '200ms',
        },
      );
      const client = new HttpClient(outbound);
      t.teardown(() => client.close());
      await until(
        'the way to be open',
        AbortSignal.timeout(PATIENCE_MS),
        async () =>
          (await client.get('httpbin.foo', '/status/200').catch(() => undefined))?.status === 200 || undefined,
      );

      const loggers: readonly RecordingLogger[] = [sleep.logger, httpbin.logger];
      const nextOfBoth = (message: string): Promise<unknown> =>
        Promise.all(loggers.map((logger) => logger.until(message, logger.of(message).length + 1)));
      const load = new SteadyLoad(client, 'httpbin.foo', REQUESTS_PER_SECOND);
      const next = TestCa.root('next root');
      const signer = next.intermediate();
      const both = `${ca.rootPem}${next.certificatePem}`;

      ca.fault = { kind: 'issues', roots: both };
      await nextOfBoth('trust bundle changed');
      ca.fault = { kind: 'issues', signer, roots: both };
      // Of the two that follow the first may still be of the old root.
      await nextOfBoth('svid rotated');
      await nextOfBoth('svid rotated');
      const dropped = nextOfBoth('trust bundle changed');
      ca.fault = { kind: 'issues', signer, roots: String(next.certificatePem) };
      await dropped;
      for (const admin of [serverAdmin, clientAdmin]) {
        await until('Envoy to have the new root alone', AbortSignal.timeout(PATIENCE_MS), async () => {
          const roots = await rootsOf(admin);
          return (roots.length === 1 && hex(roots[0] ?? '0') === hex(next.certificate.serialNumber)) || undefined;
        });
      }
      const { sent, failures } = await load.stop();
      t.same(failures, [], `none of ${sent} requests failed`);
      t.ok(sent > 200);
      const { body } = await clientAdmin.get('localhost', '/stats?filter=ssl.handshake');
      t.match(body, /ssl\.handshake: [1-9]\d/, 'there were tens of handshakes meanwhile');
    },
  );
