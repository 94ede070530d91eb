import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { SteadyLoad } from '../../src/demo/checks/steady-load.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { HttpClient } from '../../src/demo/kubernetes/http-client.js';
import { until } from '../../src/demo/polling.js';
import { ecKeys, signedCsr } from '../hotpath/pki.js';
import { startEnvoy } from '../support/bootstrapped-envoy.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { forgedLeaf, stolenIntermediate, uriExtension } from '../support/forged-leaf.js';
import { askMtls, type MtlsIdentity } from '../support/mtls-client.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { privateKeyPem } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

/**
 * The next one is made after 45 s, and signs after 60. In between its list has to come to all Envoys, for which there
 * is an hour where lives are not cut short: a Citadel of a busy machine may stand still for several seconds.
 */
const INTERMEDIATE_TTL = '120s';

/** Renewals come after some 8 s; the leaves live on for a machine that is busy. */
const LIVES = ['--ttl', '28s', '--renew-at', '0.28'];

const REQUESTS_PER_SECOND = 40;

/** All mostly wait for renewals, beside one another. */
t.jobs = 2;

const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';

interface IssuedIdentity extends MtlsIdentity {
  readonly serial: string;
  /** PEM. */
  readonly intermediate: string;
}

/** A Citadel that signs by intermediates, and two Envoys of a release, each with an agent of its own. */
async function scene(t: Test, envoyPath: string) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer();
  const flags = ['--trail-dir', file('trail'), '--online-intermediate', '--online-intermediate-ttl', INTERMEDIATE_TTL];
  const { citadel, address: ca } = await startCitadelProcess(t, { file, issuer, flags });
  await citadel.says('status page open');
  const agents: SidecertProcess[] = [];
  t.teardown(() => {
    if (t.passing()) return;
    for (const { log } of [citadel, ...agents]) process.stderr.write(`${log.failure('the test has failed').message}\n`);
  });
  const startAgent = async (account: string): Promise<string> => {
    writeFileSync(file(`${account}.token`), await issuer.token('foo', account));
    const agent = new SidecertProcess(t, [
      ...['agent', '--socket', file(`${account}.sock`), '--ca-address', ca, '--ca-root', file('root.pem')],
      ...['--token-file', file(`${account}.token`), '--namespace', 'foo', '--service-account', account],
      ...LIVES,
    ]);
    await agent.says('"agent ready"');
    agents.push(agent);
    return file(`${account}.sock`);
  };
  const [sleep, httpbin] = [await startAgent('sleep'), await startAgent('httpbin')];
  const [inbound = 0, app = 0, outbound = 0, ...admins] = await freePorts(5);
  const httpApp = await startHttpbin(app);
  t.teardown(() => httpApp.close());
  const at = (port: number): string => `127.0.0.1:${port}`;
  const server = { socket: httpbin, 'service-account': 'httpbin', inbound: at(inbound), app: at(app) };
  const serverAdmin = await startEnvoy(t, { path: envoyPath, admin: admins[0] ?? 0 }, server);
  await startEnvoy(
    t,
    { path: envoyPath, admin: admins[1] ?? 0 },
    {
      ...{ socket: sleep, 'service-account': 'sleep', outbound: at(outbound) },
      upstream: `httpbin.foo=${at(inbound)}=${HTTPBIN}`,
      // So that handshakes, which are what a wrong order breaks, never cease.
      'max-connection-age': '200ms',
    },
  );
  const client = new HttpClient(outbound);
  t.teardown(() => client.close());
  const trusts = readFileSync(file('root.pem'));
  const caller = new CitadelCaller(t, { address: ca, rootPem: trusts });
  /** Key and certificates of an account, as a workload has them. */
  const identity = async (account: string): Promise<IssuedIdentity> => {
    const keys = ecKeys();
    const answer = await caller.call({ token: await issuer.token('foo', account), csr: String(signedCsr(keys)) });
    if (answer.code !== status.OK) throw new Error(`refused with ${answer.code}`);
    const [leaf = '', intermediate = ''] = answer.elements;
    const serial = new X509Certificate(leaf).serialNumber;
    return { cert: Buffer.from(leaf + intermediate), key: privateKeyPem(keys), trusts, serial, intermediate };
  };
  return { citadel, agents, client, serverAdmin, inbound, identity, file, trusts };
}

for (const { name, path, skip } of realEnvoys())
  t.test(
    `between two of ${name} no request fails while the intermediate is renewed and a certificate is revoked`,
    { skip, timeout: 250_000, buffered: true },
    async (t) => {
      const { citadel, agents, client, serverAdmin, inbound, identity, file, trusts } = await scene(t, path);
      await until('the way to be open', AbortSignal.timeout(PATIENCE_MS), async () => {
        const answer = await client.get('httpbin.foo', '/status/200').catch(() => undefined);
        return answer?.status === 200 || undefined;
      });
      const load = new SteadyLoad(client, 'httpbin.foo', REQUESTS_PER_SECOND);
      const kindOf = async (who: MtlsIdentity) => (await askMtls(inbound, who)).kind;

      // By the key of the intermediate, for this trust domain and for another one.
      const stolen = stolenIntermediate(file('ca/online-intermediate.pem'));
      const thief = (uri: string): MtlsIdentity => {
        const { keyPem, certificatePem } = forgedLeaf(t, stolen, [uriExtension(uri)]);
        return { cert: Buffer.from(certificatePem + stolen.certificatePem), key: Buffer.from(keyPem), trusts };
      };
      const refusals = async (): Promise<number> => {
        const { body } = await serverAdmin.get('localhost', '/stats?filter=ssl.fail_verify_error');
        return Number(/fail_verify_error: (\d+)/.exec(body)?.[1] ?? 0);
      };
      t.equal(await kindOf(thief('spiffe://cluster.local/ns/foo/sa/sleep')), 'answered');
      const before = await refusals();
      t.equal(await kindOf(thief('spiffe://other.example/ns/foo/sa/sleep')), 'refused');
      t.equal(await refusals(), before + 1, 'by the path, not by its name');

      const bad = await identity('sleep');
      t.equal(await kindOf(bad), 'answered');
      t.match(await runSidecert(t, ['revoke', '--status-address', file('status'), '--serial', bad.serial]), {
        code: 0,
      });
      await citadel.says('"online intermediate signs now"');
      await Promise.all(
        agents.map(async ({ log }) => {
          // One of them may be of before, and come late.
          await log.lines('"svid rotated"', 3, log.place);
          await log.line('revocation lists');
        }),
      );
      // What an agent has told of may be on its way to its Envoy.
      await until('it to be refused', AbortSignal.timeout(PATIENCE_MS), async () => {
        return (await kindOf(bad)) === 'refused' || undefined;
      });
      const later = await identity('sleep');
      t.not(later.intermediate, bad.intermediate);
      t.equal(await kindOf(later), 'answered');
      t.match(await runSidecert(t, ['revoke', '--status-address', file('status'), '--serial', later.serial]), {
        code: 0,
      });
      await until('it to be refused', AbortSignal.timeout(PATIENCE_MS), async () => {
        return (await kindOf(later)) === 'refused' || undefined;
      });
      const { sent, failures } = await load.stop();
      t.same(failures, [], `none of ${sent} requests failed`);
      t.ok(sent > 100);
    },
  );
