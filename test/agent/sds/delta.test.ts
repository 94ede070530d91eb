import t from 'tap';
import { SECRET_TYPE_URL } from '../../../src/agent/sds/index.js';
import { certificateSecret, textSecret } from '../../support/fake-secret-source.js';
import { serveSds } from './serve.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const version = (text: string) => textSecret(text).version;

t.test('row 30: each resource has its name and the version of its content', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const client = connectDelta();
  client.request({ subscribe: ['default'], nodeId: 'sleep' });
  const response = await client.expectResponse();
  t.match(response, { names: ['default'], versions: [version('leaf')], systemVersion: version('leaf'), removed: [] });
  t.match(response, { typeUrl: SECRET_TYPE_URL, controlPlane: 'sidecert-test' });
  t.equal(Buffer.from(response.secrets[0]?.validationContext?.trustedCa?.inlineBytes ?? []).toString(), 'leaf');
  client.ack(response);
  await client.expectSilence();
});

t.test('rows 30, 33: a bad secret comes in a response of its own, and its NACK keeps no other away', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.set({ A: 'a', bad: 'broken', C: 'c' });
  const client = connectDelta();
  client.request({ subscribe: ['A', 'bad', 'C'] });
  const seen: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const response = await client.expectResponse();
    seen.push(...response.names);
    if (response.names[0] === 'bad') client.nack(response, 'Failed to load trusted CA certificates from <inline>');
    else client.ack(response);
  }
  t.same(seen, ['A', 'bad', 'C']);
  await client.expectSilence();
  source.set({ A: 'a2' });
  const changed = await client.expectResponse();
  t.same(changed.names, ['A'], 'the refused one does not come along');
  client.ack(changed);
  source.set({ bad: 'mended' });
  t.match(await client.expectResponse(), { names: ['bad'], versions: [version('mended')] });
});

t.test('row 27: a subscribe is answered although the client says that it has the current version', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const client = connectDelta();
  client.request({
    subscribe: ['default'],
    initialVersions: { default: version('leaf'), ROOTCA: version('bundle') },
  });
  client.ack(await client.expectResponse());
  await client.expectSilence();
  client.request({ subscribe: ['default'] });
  t.same((await client.expectResponse()).names, ['default'], 'a new provider in the Envoy may need it');
});

t.test('row 28: subscribe and unsubscribe count in an ACK, a NACK, a stale and a message without nonce', async (t) => {
  for (const kind of ['ack', 'nack', 'stale', 'plain'] as const) {
    const { source, connectDelta } = await serveSds(t);
    source.set({ A: 'a', B: 'b' });
    const client = connectDelta();
    client.request({ subscribe: ['A'] });
    const first = await client.expectResponse();
    const change = { subscribe: ['B'], unsubscribe: ['A'] };
    if (kind === 'ack') client.ack(first, change);
    else if (kind === 'nack') client.nack(first, 'no', change);
    else client.request({ ...change, nonce: kind === 'stale' ? 'old' : '' });
    if (kind === 'stale' || kind === 'plain') client.ack(first);
    const next = await client.expectResponse();
    t.same(next.names, ['B'], kind);
    client.ack(next);
    source.set({ A: 'a2' });
    await client.expectSilence();
  }
});

t.test('row 29: after an unsubscribe nothing is pushed; subscribed to again, the name is sent again', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.set({ default: 'leaf' });
  const client = connectDelta();
  client.request({ subscribe: ['default'] });
  client.ack(await client.expectResponse());
  client.request({ unsubscribe: ['default'] });
  await client.expectSilence();
  source.set({ default: 'renewed' });
  await client.expectSilence();
  client.request({ subscribe: ['default'] });
  t.match(await client.expectResponse(), { names: ['default'], versions: [version('renewed')] });
});

t.test('row 31: an impossible name is told as removed, one that may still come is waited for', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.impossible.add('never');
  const client = connectDelta();
  client.request({ subscribe: ['never', 'later'] });
  const response = await client.expectResponse();
  t.match(response, { names: [], removed: ['never'] });
  client.ack(response);
  await client.expectSilence();
  source.set({ later: 'here' });
  t.same((await client.expectResponse()).names, ['later']);
});

t.test('row 31: a client that NACKs a removal is not told again; the option keeps removals away', async (t) => {
  for (const tellsRemovals of [true, false]) {
    const { source, connectDelta } = await serveSds(t, { tellsRemovals });
    source.impossible.add('never');
    const client = connectDelta();
    client.request({ subscribe: ['never'] });
    if (tellsRemovals) client.nack(await client.expectResponse(), 'Missing SDS resources for never');
    await client.expectSilence();
    source.set({ other: 'x' });
    await client.expectSilence();
  }
});

t.test('row 32: neither the wildcard nor an empty subscribe gets anything', async (t) => {
  const { source, connectDelta, connect } = await serveSds(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  source.impossible.add('*');
  const client = connectDelta();
  const streams = [client, client.another()];
  client.request({ subscribe: ['*'] });
  streams[1]?.request({ subscribe: [] });
  source.set({ default: 'renewed' });
  for (const stream of streams) await stream.expectSilence();
  client.request({ subscribe: ['default'] });
  t.same((await client.expectResponse()).names, ['default'], 'a name beside it is served');
  const sotw = connect();
  sotw.request({ names: ['*'] });
  await sotw.expectSilence();
});

t.test('rows 4, 5: delta: a NACK is not answered; changed content is pushed at once', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.set({ default: 'broken' });
  const client = connectDelta();
  client.request({ subscribe: ['default'] });
  const first = await client.expectResponse();
  client.nack(first, 'no');
  client.nack(first, 'no', { subscribe: ['default'] });
  await client.expectSilence();
  source.set({ default: 'mended' });
  t.same((await client.expectResponse()).versions, [version('mended')]);
});

t.test('row 13: delta: of five rotations while a response is unanswered only the newest comes', async (t) => {
  const { source, connectDelta } = await serveSds(t);
  source.set({ default: '0' });
  const client = connectDelta();
  client.request({ subscribe: ['default'] });
  const first = await client.expectResponse();
  for (const text of ['1', '2', '3', '4', '5']) source.set({ default: text });
  await client.expectSilence();
  client.ack(first);
  const newest = await client.expectResponse();
  t.same(newest.versions, [version('5')]);
  client.ack(newest);
  await client.expectSilence();
});

t.test(
  'row 42: a secret that is not of its kind is never served, nor an empty bundle, whatever the source says',
  async (t) => {
    const { source, connectDelta, connect, errors } = await serveSds(t);
    const leaf = certificateSecret('leaf');
    const cases = [
      { name: 'a bundle as a certificate', secret: { ...textSecret('bundle'), kind: 'certificate' as const } },
      { name: 'a certificate as a bundle', secret: { ...leaf, kind: 'validation-context' as const } },
      { name: 'an empty bundle', secret: { version: '1', body: Buffer.from('2200', 'hex') } },
      { name: 'a bundle of no bytes', secret: textSecret('') },
      { name: 'a bundle with an empty source', secret: { version: '2', body: Buffer.from('22020a00', 'hex') } },
      { name: 'no kind at all', secret: { version: '3', body: Buffer.from('0a0161', 'hex') } },
      { name: 'two kinds', secret: { version: '4', body: Buffer.concat([leaf.body, textSecret('x').body]) } },
      { name: 'what does not parse', secret: { version: '5', body: Buffer.from('22ff', 'hex') } },
    ];
    const delta = connectDelta();
    const sotw = connect();
    delta.request({ subscribe: ['default'] });
    sotw.request({ names: ['default'] });
    for (const { name, secret } of cases) {
      const before = errors.length;
      source.setSecrets({ default: secret });
      await delta.expectSilence();
      await sotw.expectSilence();
      t.equal(errors.length, before + 1, `${name} is told once`);
    }
    source.setSecrets({ default: leaf });
    t.same((await delta.expectResponse()).names, ['default']);
    t.same((await sotw.expectResponse()).names, ['default']);
  },
);

t.test('row 63: more names than a stream may have, in many messages, end it', async (t) => {
  const { connectDelta } = await serveSds(t);
  const client = connectDelta();
  for (let start = 0; start <= 2048; start += 1024) {
    client.request({ subscribe: Array.from({ length: 1024 }, (_, index) => String(start + index)) });
  }
  t.match(await client.ended, { code: 3, details: /more than 2048/ });
});

t.test('row 23: delta: what is no request ends the stream', async (t) => {
  const { connectDelta } = await serveSds(t);
  const client = connectDelta();
  client.sendRaw(Buffer.from('1a05616263', 'hex'));
  t.match(await client.ended, { code: 3 });
});
