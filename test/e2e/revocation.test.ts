import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { startHttpbin } from '../../src/demo/kubernetes/http-app.js';
import { until } from '../../src/demo/polling.js';
import { ecKeys, signedCsr } from '../hotpath/pki.js';
import { startEnvoy } from '../support/bootstrapped-envoy.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { askMtls, type MtlsIdentity } from '../support/mtls-client.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { privateKeyPem } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** An agent asks its CA for news within half a minute of its start. */
const FIRST_NEWS_MS = PATIENCE_MS + 30_000;

/** A Citadel with a trail, and an agent with its Envoys, each of another release. */
async function scene(t: Test) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer();
  const { citadel, address: ca } = await startCitadelProcess(t, {
    file,
    issuer,
    flags: ['--trail-dir', file('trail')],
  });
  await citadel.says('status page open');
  writeFileSync(file('token'), await issuer.token('foo', 'httpbin'));
  const agent = new SidecertProcess(t, [
    ...['agent', '--socket', file('sds'), '--ca-address', ca, '--ca-root', file('root.pem')],
    ...['--token-file', file('token'), '--namespace', 'foo', '--service-account', 'httpbin'],
  ]);
  await agent.says('"agent ready"');
  const [app = 0, ...ports] = await freePorts(5);
  const httpApp = await startHttpbin(app);
  t.teardown(() => httpApp.close());
  const inbounds: number[] = [];
  for (const { path } of realEnvoys()) {
    const [inbound = 0, admin = 0] = ports.splice(0, 2);
    inbounds.push(inbound);
    const flags = { socket: file('sds'), 'service-account': 'httpbin', inbound: `127.0.0.1:${inbound}` };
    await startEnvoy(t, { path, admin }, { ...flags, app: `127.0.0.1:${app}` });
  }
  const trusts = readFileSync(file('root.pem'));
  const caller = new CitadelCaller(t, { address: ca, rootPem: trusts });
  /** Key and certificate of an account, as a thief of them has. */
  const identity = async (account: string): Promise<MtlsIdentity & { readonly serial: string }> => {
    const keys = ecKeys();
    const answer = await caller.call({ token: await issuer.token('foo', account), csr: String(signedCsr(keys)) });
    if (answer.code !== status.OK) throw new Error(`refused with ${answer.code}`);
    const cert = Buffer.from(answer.elements[0] ?? '');
    return { cert, key: privateKeyPem(keys), trusts, serial: new X509Certificate(cert).serialNumber };
  };
  const outcomes = (who: MtlsIdentity) => Promise.all(inbounds.map((port) => askMtls(port, who)));
  const areAll = (kind: 'answered' | 'refused', who: MtlsIdentity) => async () =>
    (await outcomes(who)).every((outcome) => outcome.kind === kind) || undefined;
  const untilAll = (kind: 'answered' | 'refused', who: MtlsIdentity, patienceMs = PATIENCE_MS) =>
    until(`all to be ${kind}`, AbortSignal.timeout(patienceMs), areAll(kind, who));
  const revoke = (...args: string[]) => runSidecert(t, ['revoke', '--status-address', file('status'), ...args]);
  return { agent, citadel, identity, untilAll, outcomes, revoke, inbounds, file };
}

const [{ skip } = { skip: 'no Envoy' as string | false }] = realEnvoys();

t.test(
  'a revoked certificate is refused by each Envoy, and all others go on',
  { skip, timeout: 250_000 },
  async (t) => {
    const { agent, identity, untilAll, revoke, inbounds, outcomes } = await scene(t);
    const [first, second, good] = [await identity('sleep'), await identity('sleep'), await identity('sleep')];
    const other = await identity('other');
    await untilAll('answered', first);

    // One that was made before lives on: Envoy judges certificates in handshakes alone.
    const open = connect({ host: '127.0.0.1', port: inbounds[0] ?? 0, ...mutual(second) });
    t.teardown(() => open.destroy());
    await new Promise((resolve) => open.once('secureConnect', resolve));
    open.resume();

    t.match(await revoke('--serial', first.serial, '--reason', 'keyCompromise'), { code: 0 });
    await untilAll('refused', first, FIRST_NEWS_MS);
    for (const who of [second, good, other]) await untilAll('answered', who);

    const beganMs = performance.now();
    const command = revoke('--serial', second.serial);
    await untilAll('refused', second);
    t.comment(`from the command to a refusal by all: ${Math.round(performance.now() - beganMs)} ms`);
    t.match(await command, { code: 0 });
    for (const who of [good, other]) t.ok((await outcomes(who)).every(({ kind }) => kind === 'answered'));
    const answered = new Promise((resolve) => open.once('data', (data: Buffer) => resolve(String(data).slice(0, 12))));
    open.write('GET /status/200 HTTP/1.1\r\nhost: app\r\n\r\n');
    t.equal(await answered, 'HTTP/1.1 200');

    await agent.says('"svid issued"');
    // That of the agent itself: it asks for another one, with another key, and its Envoys show that.
    const [, own = ''] = /"serial":"([0-9a-f]+)"/.exec(await agent.says('"msg":"svid issued"')) ?? [];
    t.match(await revoke('--serial', own), { code: 0 });
    await agent.says('the certificate is revoked, asking for another one');
    await agent.says('"svid rotated"');
    await until('another certificate at each', AbortSignal.timeout(PATIENCE_MS), async () => {
      const shown = await outcomes(good);
      const isOther = (serial: string) => BigInt(`0x${serial}`) !== BigInt(`0x${own}`);
      return shown.every((one) => one.kind === 'answered' && isOther(one.serial)) || undefined;
    });

    t.match(await revoke('--identity', 'spiffe://cluster.local/ns/foo/sa/sleep'), { code: 0 });
    await untilAll('refused', good);
    await untilAll('answered', other);
    await untilAll('answered', await identity('sleep'));
  },
);

function mutual({ cert, key, trusts }: MtlsIdentity) {
  return { cert, key, ca: trusts, checkServerIdentity: () => undefined };
}
