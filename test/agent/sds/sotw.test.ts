import { randomBytes } from 'node:crypto';
import t from 'tap';
import { SECRET_TYPE_URL } from '../../../src/agent/sds/index.js';
import type { envoy } from '../../../src/net/protobuf/index.js';
import { textSecret } from '../../support/fake-secret-source.js';
import { encodeRequest } from '../../support/sds-client.js';
import { serveSds } from './serve.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

function text(secret: {
  validationContext?: envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.$Properties | null;
}) {
  return Buffer.from(secret.validationContext?.trustedCa?.inlineBytes ?? []).toString();
}

t.test('row 1: the first request is answered with exactly the named secret', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const client = connect();
  client.request({ names: ['default'], nodeId: 'sleep' });
  const response = await client.expectResponse();
  t.same(response.names, ['default']);
  t.same(response.secrets.map(text), ['leaf']);
  t.equal(response.typeUrl, SECRET_TYPE_URL);
  t.equal(response.version, textSecret('leaf').version);
  t.equal(response.controlPlane, 'sidecert-test');
  t.ok(response.nonce);
});

t.test('row 2: an ACK is never answered, not even when it comes twice', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  const response = await client.expectResponse();
  client.ack(response);
  client.ack(response);
  await client.expectSilence();
});

t.test('row 3: content that has not changed is not pushed, whatever else has', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse());
  source.set({ ROOTCA: 'another bundle', default: 'leaf', other: 'x' });
  await client.expectSilence();
});

t.test('rows 4, 5: a NACK is not answered, the stream stays open, and changed content is pushed at once', async (t) => {
  const { source, connect, warnings } = await serveSds(t);
  source.set({ default: 'broken' });
  const client = connect();
  client.request({ names: ['default'], nodeId: 'sleep-1' });
  client.nack(await client.expectResponse(), 'Failed to load\nprivate key');
  await client.expectSilence();
  source.set({ default: 'mended' });
  const mended = await client.expectResponse();
  t.same(mended.secrets.map(text), ['mended']);
  t.match(warnings, [
    {
      message: 'sds secret rejected by its proxy',
      fields: {
        resource_name: 'default',
        reason: 'Failed to load private key',
        node_id: 'sleep-1',
        connection: 1,
        stream: 1,
      },
    },
  ]);
});

t.test('row 4: the partner of a rejected secret changes: the rejected one is offered once more', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'broken', ROOTCA: 'bundle' });
  const client = connect();
  client.request({ names: ['ROOTCA'] });
  client.nack(await client.expectResponse(), 'the key of default is at fault');
  await client.expectSilence();
  source.set({ default: 'mended' });
  const again = await client.expectResponse();
  t.same(again.secrets.map(text), ['bundle']);
  client.nack(again, 'still');
  await client.expectSilence();
});

t.test(
  'row 4: the partner has changed already when the NACK comes: the rejected one is offered once more',
  async (t) => {
    const { source, connect } = await serveSds(t);
    source.set({ default: 'broken', ROOTCA: 'bundle' });
    const client = connect();
    client.request({ names: ['ROOTCA'] });
    const first = await client.expectResponse();
    source.set({ default: 'mended' });
    client.nack(first, 'the key of default is at fault');
    const again = await client.expectResponse();
    t.same(again.secrets.map(text), ['bundle']);
    client.ack(again);
    await client.expectSilence();
  },
);

t.test('row 6: a NACK is known by its error, whatever version it carries', async (t) => {
  for (const version of ['current', '', 'some other']) {
    const { source, connect, warnings } = await serveSds(t);
    source.set({ default: 'leaf' });
    const client = connect();
    client.request({ names: ['default'] });
    const response = await client.expectResponse();
    client.nack(response, 'no', { version: version === 'current' ? response.version : version });
    await client.expectSilence();
    t.equal(warnings.length, 1, `version ${version}`);
  }
});

t.test('row 7: an ACK with a wrong version is an ACK', async (t) => {
  const { source, connect, warnings } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse(), { version: 'wrong' });
  await client.expectSilence();
  t.same(warnings, []);
});

t.test(
  'rows 8, 9: a stale nonce is not answered, but new names in it are, after the outstanding response',
  async (t) => {
    const { source, connect } = await serveSds(t);
    source.set({ A: 'a', B: 'b' });
    const client = connect();
    client.request({ names: ['A'] });
    const first = await client.expectResponse();
    client.request({ nonce: 'old' });
    await client.expectSilence();
    client.request({ names: ['A', 'B'], nonce: 'old' });
    await client.expectSilence();
    client.ack(first);
    t.same((await client.expectResponse()).names, ['A', 'B']);
  },
);

t.test('row 10: after a NACK, new names under the last good nonce count', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ A: 'a', B: 'b' });
  const client = connect();
  client.request({ names: ['A'] });
  const good = await client.expectResponse();
  client.ack(good);
  source.set({ A: 'broken' });
  client.nack(await client.expectResponse(), 'no');
  client.request({ names: ['A', 'B'], nonce: good.nonce, version: good.version });
  t.same((await client.expectResponse()).names, ['A', 'B']);
});

t.test('row 11: the first request of a stream is answered, whatever nonce and version it echoes', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'], nonce: 'of-another-stream', version: textSecret('leaf').version });
  t.same((await client.expectResponse()).names, ['default']);
});

t.test('row 12: a name that is dropped and asked for again is sent again, though unchanged', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ A: 'a', B: 'b' });
  const client = connect();
  client.request({ names: ['A'] });
  const seen: string[] = [];
  let last = await client.expectResponse();
  for (const names of [['A', 'B'], ['A'], ['A', 'B']]) {
    client.ack(last, { names });
    if (names.length === 2) last = await client.expectResponse();
    else await client.expectSilence();
    seen.push(...last.names);
  }
  t.same(seen, ['A', 'B', 'A', 'B', 'A', 'B']);
});

t.test('row 13: one response is outstanding at most; of five rotations meanwhile only the newest comes', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  client.request({ names: ['default'] });
  const first = await client.expectResponse();
  for (const version of ['1', '2', '3', '4', '5']) source.set({ default: version });
  await client.expectSilence();
  client.ack(first);
  const newest = await client.expectResponse();
  t.same(newest.secrets.map(text), ['5']);
  client.ack(newest);
  await client.expectSilence();
});

t.test('row 14: an unanswered response: newer content goes after it once, then the stream is ended', async (t) => {
  const { source, connect, clock, warnings, sds } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  client.request({ names: ['default'] });
  await client.expectResponse();
  for (let version = 1; version <= 1000; version += 1) source.set({ default: String(version) });
  await client.expectSilence();
  clock.nowMs += 29_999;
  clock.tick();
  await client.expectSilence();
  clock.nowMs += 1;
  clock.tick();
  t.same((await client.expectResponse()).secrets.map(text), ['1000']);
  source.set({ default: 'newest' });
  await client.expectSilence();
  clock.nowMs += 30_000;
  clock.tick();
  t.match(await client.ended, { code: 0 });
  t.equal(sds.status().streams, 0);
  t.same(
    warnings.map(({ message }) => message),
    ['sds response is not answered', 'sds stream given up: response never answered'],
  );
});

t.test('row 14: the ACK of the response that came second is an ACK, that of the first is stale', async (t) => {
  const { source, connect, clock } = await serveSds(t);
  source.set({ default: '0' });
  const client = connect();
  client.request({ names: ['default'] });
  const first = await client.expectResponse();
  clock.nowMs += 30_000;
  clock.tick();
  await client.expectSilence();
  source.set({ default: '1' });
  const second = await client.expectResponse();
  client.ack(first);
  client.ack(second);
  await client.expectSilence();
  clock.nowMs += 600_000;
  clock.tick();
  await client.expectSilence();
});

t.test('row 15: a name that is not there yet is parked, and sent without another request', async (t) => {
  const { source, connect } = await serveSds(t);
  const client = connect();
  client.request({ names: ['default'] });
  await client.expectSilence();
  source.set({ default: 'leaf' });
  t.same((await client.expectResponse()).names, ['default']);
});

t.test('rows 16, 17: an unknown name neither ends the stream nor is answered; the others are', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['nope', 'default'] });
  t.same((await client.expectResponse()).names, ['default']);
  const other = client.another();
  other.request({ names: ['nope'] });
  await other.expectSilence();
  const none = client.another();
  none.request({ names: [] });
  source.set({ default: 'renewed' });
  await none.expectSilence();
});

t.test('a secret that goes away is not told; it stays with the proxy, and comes back only when changed', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse());
  source.set({ default: undefined });
  source.set({ default: 'leaf' });
  await client.expectSilence();
  source.set({ default: 'renewed' });
  t.same((await client.expectResponse()).secrets.map(text), ['renewed']);
});

t.test('row 19: a name given twice is one resource', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ A: 'a', B: 'b' });
  const client = connect();
  client.request({ names: ['A', 'B', 'A'] });
  t.same((await client.expectResponse()).names, ['A', 'B']);
});

t.test('row 20: a request without node is served; the node of the first request is kept', async (t) => {
  const { source, connect, warnings } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'] });
  client.ack(await client.expectResponse(), { nodeId: 'late' });
  source.set({ default: 'broken' });
  client.nack(await client.expectResponse(), 'no', { nodeId: 'later' });
  await client.expectSilence();
  t.match(warnings, [{ fields: { node_id: 'late' } }]);
});

t.test('row 21: another type is refused, with what came and what was expected; no type means ours', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  client.request({ names: ['default'], typeUrl: 'type.googleapis.com/envoy.api.v2.auth.Secret' });
  const { code, details } = await client.ended;
  t.equal(code, 3);
  t.match(details, 'envoy.api.v2.auth.Secret');
  t.match(details, SECRET_TYPE_URL);
  const untyped = client.another();
  untyped.request({ names: ['default'], typeUrl: '' });
  t.same((await untyped.expectResponse()).names, ['default']);
});

t.test('row 23: unknown fields are skipped; what is no protobuf ends the stream', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connect();
  // Field 100, varint 1; field 101, "abc".
  client.sendRaw(Buffer.concat([encodeRequest({ names: ['default'] }), Buffer.from('a00601aa0603616263', 'hex')]));
  t.same((await client.expectResponse()).names, ['default']);
  const broken = client.another();
  broken.sendRaw(Buffer.from('1a05616263', 'hex'));
  t.match(await broken.ended, { code: 3, details: /DiscoveryRequest/ });
});

t.test('row 25: the version depends on content alone', async (t) => {
  const versions: string[] = [];
  for (const names of [
    ['A', 'B'],
    ['B', 'A'],
  ]) {
    const { source, connect } = await serveSds(t);
    source.set({ A: 'a', B: 'b' });
    const client = connect();
    client.request({ names });
    versions.push((await client.expectResponse()).version);
  }
  t.equal(versions[0], versions[1]);
  t.not(versions[0], textSecret('a').version);
});

t.test(
  'row 26: nonces differ within a stream and between streams, and those of another stream are stale',
  async (t) => {
    const { source, connect } = await serveSds(t);
    source.set({ default: '0' });
    const client = connect();
    const other = client.another();
    client.request({ names: ['default'] });
    other.request({ names: ['default'] });
    const [mine, theirs] = [await client.expectResponse(), await other.expectResponse()];
    client.request({ nonce: theirs.nonce });
    source.set({ default: '1' });
    await client.expectSilence();
    client.ack(mine);
    const next = await client.expectResponse();
    t.equal(new Set([mine.nonce, theirs.nonce, next.nonce]).size, 3);
  },
);

t.test('a first request as large as a real one, twice at once on one connection', async (t) => {
  const { source, connect } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const client = connect();
  const other = client.another();
  // An Envoy lists some 500 extensions in its node; Node.metadata (3) stands for them here.
  const extensions = randomBytes(60_000);
  const metadata = Buffer.concat([Buffer.from('1ae0d403', 'hex'), extensions]);
  const node = Buffer.concat([Buffer.from('12e4d403', 'hex'), metadata]);
  client.sendRaw(Buffer.concat([encodeRequest({ names: ['default'] }), node]));
  other.sendRaw(Buffer.concat([encodeRequest({ names: ['ROOTCA'] }), node]));
  t.same((await client.expectResponse()).names, ['default']);
  t.same((await other.expectResponse()).names, ['ROOTCA']);
});

t.test('row 63: too large a message, too many names and too long a name end the stream', async (t) => {
  const { connect } = await serveSds(t);
  const client = connect();
  const cases = [
    { name: 'message', code: 8, send: { names: ['x'.repeat(1 << 20)] } },
    { name: 'name', code: 3, send: { names: ['x'.repeat(2049)] } },
    { name: 'names', code: 3, send: { names: Array.from({ length: 2049 }, (_, index) => String(index)) } },
  ];
  for (const { name, code, send } of cases) {
    const stream = client.another();
    stream.request(send);
    t.match(await stream.ended, { code }, name);
  }
  const most = client.another();
  most.request({ names: Array.from({ length: 2048 }, (_, index) => String(index)) });
  await most.expectSilence();
});
