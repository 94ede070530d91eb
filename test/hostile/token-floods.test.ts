import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startAgent } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { Flag, Frame, Http2ErrorCode } from '../../src/net/http2/index.js';
import { startCitadel } from '../support/citadel.js';
import { CitadelCaller } from '../support/citadel-caller.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { openHotPath } from '../support/hot-path.js';
import { callHeaders, data, grpcMessage, reset } from '../support/raw-frames.js';
import { RawPeer } from '../support/raw-peer.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { encodeRequest, openSdsClient, type SdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { stubAuthenticator } from '../support/stub-authenticator.js';
import { CREATE_CERTIFICATE } from './flooded.js';
import { STREAM_SECRETS } from './served.js';

/** As Citadel has it: its places for requests are who refuses, not the queue of its threads. */
const hotPath = openHotPath({ maxQueue: 512 });

const FORGED = 'Zm9yZ2Vk';
const GENUINE = 'Z2VudWluZQ';

function token(podUid: string, signature = GENUINE): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    sub: 'system:serviceaccount:foo:sleep',
    exp: Math.floor(Date.now() / 1000) + 3600,
    'kubernetes.io': { namespace: 'foo', serviceaccount: { name: 'sleep' }, pod: { uid: podUid } },
  };
  return `${part({ alg: 'RS256' })}.${part(claims)}.${signature}`;
}

/** A Citadel that tells which tokens it was asked about, in order, and an agent in node mode before it. */
async function startNode(t: Test) {
  const asked: string[] = [];
  const authenticator = stubAuthenticator((bearer) => {
    asked.push(bearer);
    return bearer.endsWith(`.${FORGED}`) ? 'token signature does not verify' : undefined;
  });
  const citadel = await startCitadel(t, hotPath, { authenticator });
  const directory = shortDir(t);
  const [socket, root] = [join(directory, 's'), join(directory, 'root.pem')];
  writeFileSync(root, citadel.rootPem);
  const config = settings(COMMANDS.agent, { mode: 'node', socket, 'ca-address': citadel.address, 'ca-root': root });
  const context = { logger: new RecordingLogger(), now: Date.now, random: Math.random, nodeFlags: [] };
  const agent = await startAgent(config, context);
  t.teardown(() => agent.close());
  return { socket, asked, logger: context.logger };
}

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

async function leafOf(stream: SdsClient): Promise<X509Certificate> {
  stream.request({ names: ['default'] });
  const response = await stream.expectResponse();
  stream.ack(response);
  return new X509Certificate(Buffer.from(response.secrets[0]?.tlsCertificate?.certificateChain?.inlineBytes ?? []));
}

t.test(
  'under 9 500 forged tokens on one connection new pods get their first key, and proven ones theirs',
  async (t) => {
    const { socket, asked, logger } = await startNode(t);
    const startedAtMs = performance.now();
    const proven = token('proven');
    const before = await leafOf(openSdsClient(t, socket, bearer(proven)));
    const flooder = await RawPeer.connect(t, socket);
    const asks = grpcMessage(encodeRequest({ names: ['default'] }));
    for (let index = 0; index < 9500; index += 1) {
      const streamId = 2 * index + 1;
      const headers = callHeaders(streamId, STREAM_SECRETS, [
        ['authorization', `Bearer ${token(`pod-${index}`, FORGED)}`],
      ]);
      flooder.send(headers, data(streamId, asks));
    }
    const forged = (): number => asked.filter((text) => text.endsWith(FORGED)).length;
    const isFlooding = async (): Promise<void> => {
      while (forged() < 100) await new Promise((resolve) => setImmediate(resolve));
    };
    await isFlooding();
    const again = await leafOf(openSdsClient(t, socket, bearer(proven)));
    t.equal(again.fingerprint256, before.fingerprint256, 'who was proven is served without the CA');
    for (const name of ['new-1', 'new-2', 'new-3']) {
      const own = token(name);
      const seen = forged();
      t.ok(await leafOf(openSdsClient(t, socket, bearer(own))), 'served');
      const place = asked.slice(0, asked.indexOf(own)).filter((text) => text.endsWith(FORGED)).length - seen;
      t.comment(`${place} forged tokens of ${forged()} before it`);
      // Those that had a turn when it came, of 48, and those that the time of a connect on a busy machine is enough
      // for.
      t.ok(place < 200, 'not behind the flood');
    }
    t.ok(forged() < 9500, 'the flood was still waiting');
    const minutes = 1 + Math.ceil((performance.now() - startedAtMs) / 60_000);
    t.ok(logger.of('sds stream refused').length <= 2 * minutes, 'a line for each reason and minute');
  },
);

t.test('under forged tokens on fifty connections of the same user new pods get their first key', async (t) => {
  const { socket, asked } = await startNode(t);
  const asks = grpcMessage(encodeRequest({ names: ['default'] }));
  for (let connection = 0; connection < 50; connection += 1) {
    const flooder = await RawPeer.connect(t, socket);
    for (let index = 0; index < 300; index += 1) {
      const [streamId, text] = [2 * index + 1, token(`pod-${connection}-${index}`, FORGED)];
      const headers = callHeaders(streamId, STREAM_SECRETS, [['authorization', `Bearer ${text}`]]);
      flooder.send(headers, data(streamId, asks));
    }
  }
  for (const name of ['new-1', 'new-2', 'new-3']) {
    t.ok(await leafOf(openSdsClient(t, socket, bearer(token(name)))), 'served');
  }
  t.comment(`${asked.length} tokens before the CA`);
});

t.test('one service account on four connections starves nobody: all of 40 foreign calls are served', async (t) => {
  const citadel = await startCitadel(t, hotPath);
  const csr = foreignCsr();
  const own = await citadel.issuer.token('foo', 'hog');
  let isOver = false;
  let refused = 0;
  /** Asks again as soon as it has an answer; what is refused would come back later, as agents do. */
  const keepAsking = async (each: CitadelCaller): Promise<void> => {
    let code = status.OK;
    while (!isOver && code === status.OK) ({ code } = await each.call({ token: own, csr }));
    if (code === status.RESOURCE_EXHAUSTED) refused += 1;
  };
  const hogs = Array.from({ length: 4 }, () => new CitadelCaller(t, citadel));
  const asking = hogs.flatMap((hog) => Array.from({ length: 100 }, () => keepAsking(hog)));
  while (refused === 0) await new Promise((resolve) => setImmediate(resolve));
  const foreign = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const token = await citadel.issuer.token('foo', `other-${index}`);
      return new CitadelCaller(t, citadel).call({ token, csr });
    }),
  );
  t.ok(asking.length - refused >= 80, 'meanwhile the hog had its share');
  isOver = true;
  await Promise.all(asking);
  t.strictSame(new Set(foreign.map(({ code }) => code)), new Set([status.OK]));
  t.ok(citadel.logger.of('certificate refused').length <= 64);
});

/** A Citadel that refuses all tokens, and a connection to it whose requests have one. */
async function startRefusing(t: Test, turnClock?: () => number) {
  let asked = 0;
  const authenticator = stubAuthenticator(() => {
    asked += 1;
    return 'token signature does not verify';
  });
  // No time passes: what is a flood is one on a slow machine, too.
  const server = { now: () => 0, ...(turnClock && { turnClock }) };
  const citadel = await startCitadel(t, hotPath, { authenticator, server });
  const peer = await RawPeer.connectTls(t, citadel);
  const authorization = `Bearer ${token('flood', FORGED)}`;
  const request = (streamId: number): Buffer =>
    Buffer.concat([
      callHeaders(streamId, CREATE_CERTIFICATE, [['authorization', authorization]]),
      data(streamId, grpcMessage(Buffer.alloc(0)), true),
    ]);
  return { peer, request, asked: () => asked };
}

t.test('requests that are reset as soon as they are sent cost Citadel no look at their tokens', async (t) => {
  // All of them are read in one turn: one whose reset is in the next one is looked at in between.
  const { peer, request, asked } = await startRefusing(t, () => 0);
  await peer.ping();
  peer.send(...Array.from({ length: 8 }, (_, at) => Buffer.concat([request(1 + 2 * at), reset(1 + 2 * at)])));
  await peer.ping();
  t.equal(asked(), 0);
  peer.send(request(101));
  await peer.until(() => peer.frames.some(({ streamId }) => streamId === 101));
  t.equal(asked(), 1, 'one that stays is looked at');
});

for (const { name, isReset } of [
  { name: 'requests with forged tokens', isReset: false },
  { name: 'requests with forged tokens that are reset', isReset: true },
]) {
  t.test(`a flood of ${name} ends its connection to Citadel`, async (t) => {
    const { peer, request, asked } = await startRefusing(t);
    for (let at = 0; at < 4000 && !peer.isClosed; at += 1) {
      peer.send(request(1 + 2 * at), ...(isReset ? [reset(1 + 2 * at)] : []));
      if (at % 50 === 49) await Promise.race([peer.ping(), peer.ended()]);
    }
    t.equal(await peer.ended(), Http2ErrorCode.enhanceYourCalm);
    t.ok(asked() < 3000, `${asked()} tokens were looked at`);
  });
}

/** As many as one connection may have streams, but for some. */
const FORGED_TOKENS = 9500;

/** What a connection may waste, going on for ten seconds and more. (src/net/http2/framing/flood-guard.ts) */
const TOKENS_PER_SECOND = 200_000 / 150 / 10;

/** A stream with a token, and its first request. */
const asking = (streamId: number, text: string): Buffer =>
  Buffer.concat([
    callHeaders(streamId, STREAM_SECRETS, [['authorization', `Bearer ${text}`]]),
    data(streamId, grpcMessage(encodeRequest({ names: ['default'] }))),
  ]);

t.test('forged tokens, each another, end their connection to an agent after about a thousand', async (t) => {
  const { socket, asked } = await startNode(t);
  const flooder = await RawPeer.connect(t, socket);
  const startedAtMs = performance.now();
  for (let index = 0; index < FORGED_TOKENS && !flooder.isClosed; index += 1) {
    flooder.send(asking(2 * index + 1, token(`pod-${index}`, FORGED)));
    if (index % 50 === 49) await Promise.race([flooder.ping(), flooder.ended()]);
  }
  const areAllAnswered = () =>
    flooder.frames.filter(({ type, flags }) => type === Frame.headers && flags & Flag.endStream).length ===
    FORGED_TOKENS;
  const end = await Promise.race([flooder.ended(), flooder.until(areAllAnswered).then(() => 'all are answered')]);
  const seconds = (performance.now() - startedAtMs) / 1000;
  // A machine that takes so long for all of them looks at fewer in ten seconds than are a flood.
  t.ok(end === Http2ErrorCode.enhanceYourCalm || seconds > FORGED_TOKENS / TOKENS_PER_SECOND, `ended by ${end}`);
  t.ok(asked.length < 2500 + seconds * TOKENS_PER_SECOND, `${asked.length} tokens were before the CA`);
});

t.test('a gateway of 2 000 secrets whose token is refused, on two streams for each, is no flood', async (t) => {
  const { socket, asked } = await startNode(t);
  const gateway = await RawPeer.connect(t, socket);
  const text = token('gateway', FORGED);
  for (let index = 0; index < 4000; index += 1) {
    gateway.send(asking(2 * index + 1, text));
    // It reads what is answered: who does not is another flood.
    if (index % 200 === 199) await gateway.ping();
  }
  await gateway.until(
    () => gateway.frames.filter(({ type, flags }) => type === Frame.headers && flags & Flag.endStream).length === 4000,
  );
  t.notOk(gateway.isClosed);
  t.equal(asked.length, 1);
});

t.test('an address whose tries are used up by forged tokens has new callers served in turns', async (t) => {
  let asked = 0;
  const authenticator = stubAuthenticator((bearer) => {
    asked += 1;
    return bearer.endsWith(`.${FORGED}`) ? 'token signature does not verify' : undefined;
  });
  // A clock that stands still: no try comes back.
  let nowMs = 0;
  const citadel = await startCitadel(t, hotPath, { authenticator, server: { now: () => nowMs } });
  const csr = foreignCsr();
  const good = { token: token('good'), csr };
  const proven = new CitadelCaller(t, citadel);
  t.equal((await proven.call(good)).code, status.OK);
  asked = 0;
  const forged = `Bearer ${token('flood', FORGED)}`;
  const request = (at: number): Buffer =>
    Buffer.concat([
      callHeaders(1 + 2 * at, CREATE_CERTIFICATE, [['authorization', forged]]),
      data(1 + 2 * at, grpcMessage(Buffer.alloc(0)), true),
    ]);
  const open: RawPeer[] = [];
  for (let connection = 0; connection < 34; connection += 1) {
    const peer = await RawPeer.connectTls(t, citadel);
    open.push(peer);
    for (let at = 0; at < 120; at += 1) peer.send(request(at));
    const ended = () =>
      peer.frames.filter(({ type, flags }) => type === Frame.headers && flags & Flag.endStream).length === 120;
    await peer.until(ended);
  }
  t.equal(asked, 3984, 'so many were looked at');
  for (let connection = 0; connection < 16; connection += 1) {
    const peer = await RawPeer.connectTls(t, citadel);
    open.push(peer);
    peer.send(request(0), request(1));
    await peer.ping();
    await peer.until(() => peer.frames.filter(({ streamId }) => streamId === 3).length > 0);
  }
  t.equal(asked, 4000, 'the last are for the first token of a connection each');
  t.equal((await proven.call(good)).code, status.OK, 'who was proven before is served as ever');
  t.equal(asked, 4001);

  let letIn = 0;
  for (let connection = 0; connection < 20; connection += 1) {
    RawPeer.connectTls(t, citadel).then(
      (peer) => {
        letIn += 1;
        for (let at = 0; at < 20; at += 1) peer.send(request(at));
      },
      () => {},
    );
  }
  let answer: number | undefined;
  const newcomer = new CitadelCaller(t, citadel).call(good).then(({ code }) => {
    answer = code;
  });
  for (const peer of open) await peer.ping();
  t.equal(letIn, 0, 'no handshake begins without a try');
  for (let at = 120; answer === undefined; at += 1) {
    // One comes back, and whoever is connected already asks for it.
    nowMs += 10;
    await new Promise(setImmediate);
    for (const peer of open.filter(({ isClosed }) => !isClosed)) {
      peer.send(request(at));
      await Promise.race([peer.ping(), peer.ended()]);
    }
  }
  await newcomer;
  t.equal(answer, status.OK, 'a new one is served, too');
  t.comment(`${letIn} others were let in before it, and ${nowMs} ms gone by`);
  t.ok(letIn <= 20);
});
