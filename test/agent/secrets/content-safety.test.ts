import { createPrivateKey, X509Certificate } from 'node:crypto';
import t from 'tap';
import { FakeCaServer, type Fault } from '../../support/fake-ca-server.js';
import type { SdsResponse } from '../../support/sds-client.js';
import { SLEEP, startSidecarAgent } from '../../support/sidecar-agent.js';
import { TestCa } from '../../support/test-ca.js';
import { TokenIssuer } from '../../support/test-tokens.js';

/** Renewals come after some five seconds, and most of a minute is left then, which a busy machine may need. */
const LIFE = { ttl: '50s', 'renew-at': '0.1' };

/** Rows wait for their renewals beside one another. */
t.jobs = 8;

/** Certificate and key of a response, `undefined` when it has none. */
function pairOf({ secrets }: SdsResponse): { leaf: X509Certificate; isPair: boolean; chain: X509Certificate[] } {
  const { certificateChain, privateKey } = secrets.find(({ tlsCertificate }) => tlsCertificate)?.tlsCertificate ?? {};
  const pem = Buffer.from(certificateChain?.inlineBytes ?? []).toString();
  const chain = pem.split(/(?<=-----END CERTIFICATE-----\n)/).map((block) => new X509Certificate(block));
  const [leaf] = chain as [X509Certificate];
  return { leaf, isPair: leaf.checkPrivateKey(createPrivateKey(Buffer.from(privateKey?.inlineBytes ?? []))), chain };
}

const stranger = TestCa.root('stranger');
const endedRoot = TestCa.root('ended', { notBeforeMs: Date.now() - 7200_000, notAfterMs: Date.now() - 3600_000 });
const leafNotCa = String(stranger.server().certPem);
const wrong: readonly { row: number; what: string; fault: Fault; code: string; reason?: RegExp }[] = [
  { row: 37, what: 'for the key of somebody else', fault: { kind: 'wrong-key' }, code: 'ERR_SVID_KEY_MISMATCH' },
  {
    row: 37,
    what: 'that does not parse',
    fault: {
      kind: 'elements',
      elements: ['-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n', leafNotCa],
    },
    code: 'ERR_SVID_MALFORMED',
  },
  {
    row: 38,
    what: 'that has ended',
    fault: { kind: 'issues', leaf: { notAfterMs: Date.now() - 1000 } },
    code: 'ERR_SVID_NOT_VALID_NOW',
  },
  {
    row: 38,
    what: 'that is not valid yet',
    fault: { kind: 'issues', leaf: { notBeforeMs: Date.now() + 3600_000, notAfterMs: Date.now() + 7200_000 } },
    code: 'ERR_SVID_NOT_VALID_NOW',
  },
  {
    row: 38,
    what: 'that has less than two seconds to live',
    fault: { kind: 'issues', lifeMs: 1900 },
    code: 'ERR_SVID_NOT_VALID_NOW',
    reason: /^leaf validity: got \d{4}-\S+T\S+Z to \S+T\S+Z, expected to hold from \S+T\S+Z for 2000 ms$/,
  },
  {
    row: 39,
    what: 'for another identity',
    fault: { kind: 'issues', leaf: { uris: ['spiffe://cluster.local/ns/foo/sa/httpbin'] } },
    code: 'ERR_SVID_IDENTITY_MISMATCH',
  },
  {
    row: 39,
    what: 'for our identity and a second one',
    fault: { kind: 'issues', leaf: { uris: [SLEEP, 'spiffe://cluster.local/ns/foo/sa/httpbin'] } },
    code: 'ERR_SVID_IDENTITY_MISMATCH',
  },
  {
    row: 40,
    what: 'from a root that is not in the bundle',
    fault: { kind: 'issues', signer: stranger },
    code: 'ERR_SVID_UNTRUSTED',
  },
  {
    row: 41,
    what: 'with a bundle that does not parse',
    fault: { kind: 'issues', roots: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n' },
    code: 'ERR_BUNDLE_INVALID',
  },
  {
    row: 41,
    what: 'with a bundle of no CA',
    fault: { kind: 'issues', roots: leafNotCa },
    code: 'ERR_BUNDLE_INVALID',
  },
  {
    row: 41,
    what: 'with a bundle of ended roots',
    fault: { kind: 'issues', signer: endedRoot, roots: String(endedRoot.certificatePem) },
    code: 'ERR_SVID_UNTRUSTED',
  },
];
for (const { row, what, fault, code, reason = /./ } of wrong) {
  t.test(`row ${row}: a certificate ${what} is never pushed; what was good stays`, { buffered: true }, async (t) => {
    const { ask, ca, logger } = await startSidecarAgent(t, { flags: LIFE });
    const { stream, response } = await ask('default', 'ROOTCA');
    const before = pairOf(response);
    ca.fault = fault;
    t.match((await logger.until('svid renewal failed')).fields, { code, error: reason });
    await stream.expectSilence();
    const late = await ask('default');
    t.ok(pairOf(late.response).leaf.raw.equals(before.leaf.raw), 'who comes now gets the good one, too');
    ca.fault = { kind: 'none' };
    const { leaf, isPair } = pairOf(await stream.expectResponse());
    t.ok(isPair);
    t.not(leaf.serialNumber, before.leaf.serialNumber);
  });

  t.test(`row ${row}: as the first one, a certificate ${what} is no secret at all`, { buffered: true }, async (t) => {
    const ca = await FakeCaServer.start(t);
    ca.fault = fault;
    const { connect, logger } = await startSidecarAgent(t, { ca });
    const stream = connect();
    stream.request({ names: ['default', 'ROOTCA', 'ALL'], nodeId: 'test' });
    t.match((await logger.until('no valid svid')).fields, { code, error: reason });
    await stream.expectSilence();
    ca.fault = { kind: 'none' };
    t.ok(pairOf(await stream.expectResponse()).isPair);
  });
}

t.test('row 38: a life above two seconds is the choice of the CA', { buffered: true }, async (t) => {
  const { ask, ca } = await startSidecarAgent(t, { flags: LIFE });
  const { stream, response } = await ask('default');
  ca.fault = { kind: 'issues', lifeMs: 4000 };
  const second = pairOf(await stream.expectResponse());
  t.not(second.leaf.serialNumber, pairOf(response).leaf.serialNumber);
  t.ok(Date.parse(second.leaf.validTo) - Date.now() <= 4000);
});

t.test('row 37: the chain is served leaf first, without the root', { buffered: true }, async (t) => {
  const { ask, ca } = await startSidecarAgent(t);
  const { chain } = pairOf((await ask('default')).response);
  t.same(
    // An empty subject is no text in Node.js 20 to 24, and an empty one in 26.
    chain.map(({ subject }) => subject ?? ''),
    ['', ca.intermediate.certificate.subject],
  );
});

t.test('row 43: under a hundred rotations at once each pushed pair is one', { buffered: true }, async (t) => {
  const { connect } = await startSidecarAgent(t, { flags: { 'token-source': 'stream' } });
  const issuer = new TokenIssuer();
  const bearer = async (id: number) => ({ authorization: `Bearer ${await issuer.token('foo', 'sleep', { jti: id })}` });
  const watcher = connect(await bearer(0));
  watcher.request({ names: ['default'], nodeId: 'test' });
  const seen: string[] = [];
  const next = async (): Promise<string> => {
    const response = await watcher.expectResponse();
    watcher.ack(response);
    const { leaf, isPair } = pairOf(response);
    if (!isPair) t.fail(`${leaf.serialNumber} without its key`);
    seen.push(leaf.serialNumber);
    return leaf.serialNumber;
  };
  await next();
  // Each token that is new to the agent costs a certificate, and so rotates what all streams have.
  for (let round = 0; round < 4; round += 1) {
    const tokens = await Promise.all(Array.from({ length: 25 }, (_, index) => bearer(1 + round * 25 + index)));
    const streams = tokens.map((token) => watcher.another(token));
    for (const stream of streams) stream.request({ names: ['default'] });
    const first = await Promise.all(streams.map((stream) => stream.expectResponse()));
    t.ok(first.every((response) => pairOf(response).isPair));
  }
  const newest = watcher.another(await bearer(0));
  newest.request({ names: ['default'] });
  const { leaf } = pairOf(await newest.expectResponse());
  while ((await next()) !== leaf.serialNumber);
  t.ok(seen.length > 1, `the stream saw ${seen.length} of 101, the newest of each turn`);
});
