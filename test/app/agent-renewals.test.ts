import { renameSync, writeFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { FakeCaServer, type Fault } from '../support/fake-ca-server.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { StatusReader } from '../support/status-reader.js';
import { TokenIssuer } from '../support/test-tokens.js';

interface ShownIdentity {
  readonly svid: string;
  readonly serial: string;
  readonly next_renewal?: string;
  readonly last_failure?: { readonly code: string; readonly at: string };
}

async function start(t: Test, fault: Fault = { kind: 'none' }, flags: Readonly<Record<string, string>> = {}) {
  const ca = await FakeCaServer.start(t);
  ca.fault = fault;
  const agent = await startSidecarAgent(t, { ca, flags: { 'status-address': '127.0.0.1:0', ...flags } });
  const pages = new StatusReader(agent.logger);
  const identity = async (): Promise<ShownIdentity> =>
    ((await pages.status()) as { identities: [ShownIdentity] }).identities[0];
  return { ...agent, ca, identity };
}

const useless = [
  { name: 'has expired', fault: { kind: 'issues', lifeMs: -1000 } },
  { name: 'is dead within a second', fault: { kind: 'issues', lifeMs: 1000 } },
  { name: 'expired a day ago', fault: { kind: 'issues', lifeMs: -86_400_000, leaf: { notBeforeMs: 0 } } },
] as const;
for (const { name, fault } of useless) {
  t.test(
    `a certificate that ${name} when it comes is never pushed, and the one before stays until a good one comes`,
    async (t) => {
      const { ca, logger, ask, identity } = await start(t, { kind: 'issues', lifeMs: 20_000 }, { 'renew-at': '0.2' });
      const { stream } = await ask('default');
      const { fields } = await logger.until('svid issued');
      ca.fault = fault;
      t.match((await logger.until('svid renewal failed')).fields, { code: 'ERR_SVID_NOT_VALID_NOW' });
      t.match(await identity(), { svid: 'valid', serial: fields.serial });
      ca.fault = { kind: 'none' };
      const next = await logger.until('svid rotated');
      const response = await stream.expectResponse();
      t.equal(logger.of('svid issued').length + logger.of('svid rotated').length, 2, 'two were published in all');
      t.not(next.fields.serial, fields.serial);
      t.ok(response.secrets[0]?.tlsCertificate);
    },
  );
}

t.test('a refused token is read anew, and a new one goes to the CA as soon as it stands in the file', async (t) => {
  const { ca, logger, tokenFile } = await start(t, { kind: 'reject', code: status.UNAUTHENTICATED });
  await logger.until('no valid svid');
  const token = await new TokenIssuer().token('foo', 'sleep', { jti: 'second' });
  const isNew = (authorization: string): boolean => authorization === `Bearer ${token}`;
  ca.decide = ({ authorization }) => (isNew(authorization) ? { kind: 'none' } : undefined);
  writeFileSync(`${tokenFile}.new`, token);
  renameSync(`${tokenFile}.new`, tokenFile);
  await logger.until('svid issued');
  const calls = ca.calls.map(({ authorization }) => isNew(authorization));
  t.equal(calls.at(-1), true);
  t.equal(calls.filter(Boolean).length, 1);
});

/** google.rpc.Status with a RetryInfo of 20 s: field 3 is a list of Any. (google/rpc/error_details.proto) */
function retryInfo(): Buffer {
  const delay = Buffer.from([0x0a, 2, 0x08, 20]);
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  const any = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, delay.length]), delay]);
  return Buffer.concat([Buffer.from([0x08, 8, 0x1a, any.length]), any]);
}

const wishes = [
  { name: 'RetryInfo', trailers: { 'grpc-status-details-bin': retryInfo() } },
  { name: 'a pushback', trailers: { 'grpc-retry-pushback-ms': '20000' } },
] as const;
for (const { name, trailers } of wishes) {
  for (const code of [status.RESOURCE_EXHAUSTED, status.UNAVAILABLE]) {
    t.test(`${name} with ${status[code]} keeps the agent from asking sooner`, async (t) => {
      const { ca, logger, identity } = await start(t, { kind: 'reject', code, trailers });
      await logger.until('no valid svid');
      const shown = await identity();
      const waitsMs = Date.parse(shown.next_renewal ?? '') - Date.parse(shown.last_failure?.at ?? '');
      t.ok(waitsMs >= 20_000 && waitsMs < 21_000, `${waitsMs} ms`);
      t.equal(ca.calls.length, 1, 'nor within the call');
    });
  }
}

t.test('row 52: one CSR is in flight while the CA hangs, however many streams wait', async (t) => {
  const { ca, connect } = await start(t, { kind: 'hang' });
  const connections = Array.from({ length: 10 }, () => connect());
  const streams = connections.flatMap((one) => [one, ...Array.from({ length: 99 }, () => one.another())]);
  for (const stream of streams) stream.request({ names: ['default'] });
  await ca.untilCalled(1);
  // What came on a connection before its round trip has been read by then, of all of its streams.
  await Promise.all(connections.map((connection) => connection.expectSilence()));
  t.equal(ca.calls.length, 1);
});
