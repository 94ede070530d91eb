import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { Frame, Http2ErrorCode } from '../../../src/net/http2/index.js';
import { CREATE_CERTIFICATE } from '../../hostile/flooded.js';
import { startCitadel } from '../../support/citadel.js';
import { CitadelCaller } from '../../support/citadel-caller.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';
import { callHeaders } from '../../support/raw-frames.js';
import { RawPeer } from '../../support/raw-peer.js';

const hotPath = openHotPath();

/** A Citadel whose connections grow old when the test says so. */
async function startAgeing(t: Test) {
  let nowMs = 0;
  const checks = new Set<() => void>();
  const citadel = await startCitadel(t, hotPath, {
    server: {
      now: () => nowMs,
      every(_periodMs, act) {
        checks.add(act);
        return () => void checks.delete(act);
      },
    },
  });
  const pass = (milliseconds: number): void => {
    nowMs += milliseconds;
    for (const check of [...checks]) check();
  };
  return { citadel, pass, peer: () => RawPeer.connectTls(t, citadel) };
}

t.test('a stranger that asks nothing is told to go after a minute, and its connection is closed', async (t) => {
  const { pass, peer } = await startAgeing(t);
  const [idle, busy] = [await peer(), await peer()];
  busy.send(callHeaders(1, CREATE_CERTIFICATE));
  await Promise.all([idle.ping(), busy.ping()]);
  pass(59_999);
  await idle.ping();
  pass(1);
  t.equal(await idle.ended(), Http2ErrorCode.noError);
  t.strictSame(
    idle.frames.filter(({ type }) => type === Frame.goAway).map(({ payload }) => payload.readUInt32BE(0)),
    [0],
    'none of its streams was begun',
  );
  await busy.ping();
});

t.test(
  'a caller that was issued a certificate may be idle for 15 minutes, and comes back at its next call',
  async (t) => {
    const { citadel, pass } = await startAgeing(t);
    const { logger, issuer } = citadel;
    const request = { token: await issuer.token(), csr: foreignCsr() };
    const connectionOf = async (caller: CitadelCaller): Promise<unknown> => {
      t.equal((await caller.call(request)).code, status.OK);
      return logger.of('certificate issued').at(-1)?.fields.connection;
    };
    const caller = new CitadelCaller(t, citadel);
    const first = await connectionOf(caller);
    pass(15 * 60_000 - 1);
    t.equal(await connectionOf(caller), first, 'its connection is as good as new');
    pass(15 * 60_000);
    t.not(await connectionOf(caller), first, 'it was told to go, and has another');
  },
);

t.test('200 connections that ask nothing are gone after a minute', { timeout: 250_000 }, async (t) => {
  const { pass, peer } = await startAgeing(t);
  const peers: RawPeer[] = [];
  for (let count = 0; count < 200; count += 1) {
    const each = await peer();
    // Before the next one: a connection has some seconds for its first frames, on a busy machine too.
    await each.ping();
    peers.push(each);
  }
  pass(60_000);
  t.ok((await Promise.all(peers.map((each) => each.ended()))).every((code) => code === Http2ErrorCode.noError));
});
