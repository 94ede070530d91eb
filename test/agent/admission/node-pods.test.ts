import { createPrivateKey, X509Certificate } from 'node:crypto';
import t from 'tap';
import type { Pod } from '../../../src/agent/admission/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { errorCodeOf } from '../../../src/errors/index.js';
import { envoy } from '../../../src/net/protobuf/index.js';
import { openHotPath } from '../../support/hot-path.js';
import { aStream, isRemembered, openNode } from '../../support/node-pods.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

const hotPath = openHotPath();

/** What a stream of the pod gets, read by others. */
function served({ identity }: Pod): { leaf: X509Certificate; keyPem: string } {
  const { tlsCertificate } = Secret.decode(identity.certificate()?.body ?? Buffer.alloc(0));
  const keyPem = Buffer.from(tlsCertificate?.privateKey?.inlineBytes ?? []).toString();
  return { leaf: new X509Certificate(Buffer.from(tlsCertificate?.certificateChain?.inlineBytes ?? [])), keyPem };
}

t.test('each pod has a key of its own, also beside another one of its service account', async (t) => {
  const { gate, pods, token } = openNode(t, hotPath);
  const one = await gate.admit(token({ podUid: 'pod-1' }), aStream());
  const other = await gate.admit(token({ podUid: 'pod-2' }), aStream());
  const stranger = await gate.admit(token({ podUid: 'pod-3', serviceAccount: 'httpbin' }), aStream());
  t.equal(pods.size, 3);
  const secrets = [one, other, stranger].map(served);
  t.equal(new Set(secrets.map(({ keyPem }) => keyPem)).size, 3);
  t.strictSame(
    secrets.map(({ leaf }) => leaf.subjectAltName),
    ['sleep', 'sleep', 'httpbin'].map((name) => `URI:spiffe://cluster.local/ns/foo/sa/${name}`),
  );
  for (const { leaf, keyPem } of secrets) t.ok(leaf.checkPrivateKey(createPrivateKey(keyPem)));
});

t.test('however many streams bring one token together, it costs one CSR', async (t) => {
  const { gate, ca, token } = openNode(t, hotPath);
  const admitted = await Promise.all(Array.from({ length: 50 }, () => gate.admit(token(), aStream())));
  t.equal(new Set(admitted).size, 1);
  t.equal(ca.tokens.length, 1);
});

t.test(
  'two tokens of one pod share its identity, and the second one brings a new key to all its streams',
  async (t) => {
    const { gate, ca, pods, token } = openNode(t, hotPath);
    const first = await gate.admit(token({ id: 'a' }), aStream());
    const { keyPem } = served(first);
    let changes = 0;
    first.identity.onChange(() => {
      changes += 1;
    });
    const second = await gate.admit(token({ id: 'b' }), aStream());
    t.equal(second, first);
    t.equal(changes, 1);
    t.not(served(first).keyPem, keyPem);
    t.equal(ca.tokens.length, 2);
    t.equal(pods.size, 1);
  },
);

t.test('a forged token with the claims of a served pod gets nothing, and changes nothing', async (t) => {
  const { gate, pods, token } = openNode(t, hotPath);
  const [own, forged] = [token(), token({ isForged: true })];
  const pod = await gate.admit(own, aStream());
  const { keyPem } = served(pod);
  let asked = 0;
  pod.onTokenNeeded(() => {
    asked += 1;
  });
  await t.rejects(gate.admit(forged, aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  t.equal(served(pod).keyPem, keyPem);
  t.equal(asked, 0);
  t.strictSame([isRemembered(pods, own), isRemembered(pods, forged)], [true, false]);
});

t.test('a forged token is no company for the genuine one that waits with the same claims', async (t) => {
  const { gate, ca, token } = openNode(t, hotPath);
  ca.fault = 'hang';
  const genuine = gate.admit(token(), aStream());
  const forged = gate.admit(token({ isForged: true }), aStream()).then(() => 'admitted', errorCodeOf);
  await ca.untilCalled(2);
  ca.release();
  t.equal(await forged, 'ERR_CA_REFUSED_TOKEN');
  t.ok((await genuine).identity.hasValidSvid());
});

t.test('a token that the CA takes for another workload than it claims is refused', async (t) => {
  const { gate, ca, pods, token } = openNode(t, hotPath);
  await gate.admit(token({ serviceAccount: 'httpbin', podUid: 'pod-2' }), aStream());
  ca.identityOf = () => 'spiffe://cluster.local/ns/foo/sa/httpbin';
  await t.rejects(gate.admit(token({ serviceAccount: 'sleep' }), aStream()), { code: 'ERR_TOKEN_REFUSED' });
  t.equal(pods.size, 1);
});

t.test('a herd of pods becomes a queue before the CA', async (t) => {
  const { gate, ca, pods, token } = openNode(t, hotPath);
  const herd = Array.from({ length: 300 }, (_, index) => gate.admit(token({ podUid: `pod-${index}` }), aStream()));
  const keys = (await Promise.all(herd)).map((pod) => served(pod).keyPem);
  t.equal(new Set(keys).size, 300);
  t.equal(ca.tokens.length, 300);
  t.equal(ca.maxInFlight, 8);
  t.equal(pods.size, 300);
});

t.test('a renewal goes behind three of the tokens that wait, and before the fourth', async (t) => {
  const { gate, ca, clock, token } = openNode(t, hotPath, { maxInFlight: 1 });
  const own = token();
  const pod = await gate.admit(own, aStream());
  pod.hold();
  ca.fault = 'hang';
  const fresh = ['pod-2', 'pod-3', 'pod-4', 'pod-5', 'pod-6'].map((podUid) => token({ podUid }));
  const waiting = fresh.map((one) => gate.admit(one, aStream()));
  await ca.untilCalled(2);
  clock.advance(1900_000);
  ca.release();
  await Promise.all(waiting);
  const [first, second, third, fourth, fifth] = fresh.map(String);
  t.strictSame(ca.tokens.slice(1), [first, second, third, fourth, own.toString(), fifth]);
  t.ok(pod.identity.hasValidSvid());
});

t.test('more tokens than may wait, and more pods than there is room for, are refused early', async (t) => {
  const { gate, ca, pods, token } = openNode(t, hotPath, { maxWaiting: 3, maxPods: 3 });
  ca.fault = 'hang';
  const waiting = ['pod-1', 'pod-2', 'pod-3'].map((podUid) => gate.admit(token({ podUid }), aStream()));
  await t.rejects(gate.admit(token({ podUid: 'pod-4' }), aStream()), { code: 'ERR_CA_OVERLOADED' });
  await ca.untilCalled(3);
  ca.release();
  await Promise.all(waiting);
  await t.rejects(gate.admit(token({ podUid: 'pod-4' }), aStream()), { code: 'ERR_CA_OVERLOADED' });
  t.equal(ca.tokens.length, 3, 'neither was put before the CA');
  await gate.admit(token({ podUid: 'pod-3', id: 'b' }), aStream());
  t.equal(pods.size, 3);
});

t.test('of pods that come together, only those are served that there is room for', async (t) => {
  const { gate, pods, token } = openNode(t, hotPath, { maxPods: 2 });
  const herd = Array.from({ length: 5 }, (_, index) => gate.admit(token({ podUid: `pod-${index}` }), aStream()));
  const codes = await Promise.all(herd.map((one) => one.then(() => 'admitted', errorCodeOf)));
  t.strictSame(codes.sort(), [...Array(3).fill('ERR_CA_OVERLOADED'), 'admitted', 'admitted']);
  t.equal(pods.size, 2);
});

t.test('where no more pods may be, the one that streams have left first makes room, and no other', async (t) => {
  const { gate, ca, pods, token } = openNode(t, hotPath, { maxPods: 3 });
  const tokens = ['pod-1', 'pod-2', 'pod-3'].map((podUid) => token({ podUid }));
  const [first, second, third] = await Promise.all(tokens.map((one) => gate.admit(one, aStream())));
  t.ok(first && second && third);
  if (!first || !second || !third) return;
  first.hold();
  for (const pod of [third, second]) pod.hold()();
  const body = third.identity.certificate()?.body;
  const fourth = await gate.admit(token({ podUid: 'pod-4' }), aStream());
  t.equal(pods.size, 3);
  t.ok(
    body?.every((byte) => byte === 0),
    'its key is wiped',
  );
  // A stream that has come back to the second is about to hold it.
  t.equal(await gate.admit(tokens[1] ?? Buffer.alloc(0), aStream()), second);
  await t.rejects(gate.admit(token({ podUid: 'pod-5' }), aStream()), { code: 'ERR_CA_OVERLOADED' });
  t.equal(ca.tokens.length, 4, 'no more was put before the CA');
  for (const pod of [first, second, fourth]) t.ok(pod.identity.hasValidSvid());
});

t.test('a pod that is left and held again makes no room', async (t) => {
  const { gate, token } = openNode(t, hotPath, { maxPods: 1 });
  const pod = await gate.admit(token(), aStream());
  pod.hold()();
  const release = pod.hold();
  await t.rejects(gate.admit(token({ podUid: 'pod-2' }), aStream()), { code: 'ERR_CA_OVERLOADED' });
  release();
  await gate.admit(token({ podUid: 'pod-2' }), aStream());
});

t.test('a token whose streams have all gone leaves the line without a CSR', async (t) => {
  const { gate, ca, token } = openNode(t, hotPath, { maxInFlight: 1 });
  ca.fault = 'hang';
  const first = gate.admit(token({ podUid: 'pod-1' }), aStream());
  const gone = new CancelSource();
  const second = gate.admit(token({ podUid: 'pod-2' }), gone);
  await ca.untilCalled(1);
  gone.cancel();
  await t.rejects(second, { code: 'ERR_CANCELLED' });
  ca.release();
  await first;
  await gate.admit(token({ podUid: 'pod-3' }), aStream());
  t.equal(ca.tokens.length, 2);
  await gate.admit(token({ podUid: 'pod-2' }), aStream());
  t.equal(ca.tokens.length, 3, 'that was no refusal');
});

t.test('a pod that no stream holds stays warm for a minute, then it ends and its key is wiped', async (t) => {
  const { gate, ca, clock, pods, token } = openNode(t, hotPath);
  const own = token();
  const pod = await gate.admit(own, aStream());
  const release = pod.hold();
  const body = pod.identity.certificate()?.body;
  clock.advance(300_000);
  t.equal(pods.size, 1, 'held');
  release();
  release();
  clock.advance(59_000);
  const again = await gate.admit(own, aStream());
  t.equal(again, pod, 'warm');
  const releaseAgain = again.hold();
  clock.advance(300_000);
  t.equal(ca.tokens.length, 1);
  releaseAgain();
  clock.advance(61_000);
  t.equal(pods.size, 0);
  t.notOk(isRemembered(pods, own));
  await new Promise(setImmediate);
  t.ok(body?.every((byte) => byte === 0));
  clock.advance(3600_000);
  await gate.admit(own, aStream());
  t.equal(ca.tokens.length, 2, 'it renewed nothing, and its token is proven anew');
});

t.test('when the token of a pod has ended, its streams start anew, and nobody else does', async (t) => {
  const { gate, clock, token } = openNode(t, hotPath);
  const short = await gate.admit(token({ podUid: 'pod-1', lifeMs: 600_000 }), aStream());
  const long = await gate.admit(token({ podUid: 'pod-2' }), aStream());
  const asked: string[] = [];
  for (const pod of [short, long]) {
    pod.hold();
    pod.onTokenNeeded(() => asked.push(pod.of.podUid ?? ''));
  }
  const renewed = new Promise<void>((resolve) => long.identity.onChange(() => resolve()));
  const failed = new Promise((resolve) => short.identity.onRenewalFailure(resolve));
  clock.advance(1900_000);
  t.equal(errorCodeOf(await failed), 'ERR_TOKEN_EXPIRED');
  await renewed;
  t.strictSame(asked, ['pod-1']);
  t.ok(short.identity.hasValidSvid(), 'what it holds is served on');
});

t.test('renewals use the accepted token that ends last', async (t) => {
  const { gate, ca, clock, token } = openNode(t, hotPath);
  const long = token({ id: 'long' });
  const pod = await gate.admit(long, aStream());
  pod.hold();
  await gate.admit(token({ id: 'short', lifeMs: 600_000 }), aStream());
  const renewed = new Promise<void>((resolve) => pod.identity.onChange(() => resolve()));
  clock.advance(1900_000);
  await renewed;
  t.equal(ca.tokens.at(-1), long.toString());
});

t.test('while the CA is away each pod keeps its last SVID', async (t) => {
  const { gate, ca, clock, token } = openNode(t, hotPath);
  const admitted = await Promise.all(
    ['pod-1', 'pod-2', 'pod-3'].map((podUid) => gate.admit(token({ podUid }), aStream())),
  );
  for (const pod of admitted) pod.hold();
  const before = admitted.map((pod) => served(pod).keyPem);
  ca.fault = 'ERR_CA_UNAVAILABLE';
  const failures = admitted.map(({ identity }) => new Promise((resolve) => identity.onRenewalFailure(resolve)));
  clock.advance(1900_000);
  await Promise.all(failures);
  t.strictSame(
    admitted.map((pod) => served(pod).keyPem),
    before,
  );
});

t.test('a pod that brings ever new tokens has the last sixteen remembered', async (t) => {
  const { gate, ca, pods, token } = openNode(t, hotPath);
  const tokens = Array.from({ length: 20 }, (_, index) => token({ id: `${index}` }));
  for (const each of tokens) await gate.admit(each, aStream());
  t.strictSame(
    tokens.filter((each) => isRemembered(pods, each)),
    tokens.slice(-16),
  );
  for (const each of tokens.slice(-16)) await gate.admit(each, aStream());
  t.equal(ca.tokens.length, 20);
  await gate.admit(token({ id: '0' }), aStream());
  t.equal(ca.tokens.length, 21);
});

t.test('the log tells the pods of one service account apart', async (t) => {
  const { gate, logger, token } = openNode(t, hotPath);
  await gate.admit(token({ podUid: 'pod-7' }), aStream());
  t.match(logger.of('svid issued')[0]?.fields, {
    spiffe_id: 'spiffe://cluster.local/ns/foo/sa/sleep',
    pod_uid: 'pod-7',
  });
});
