import { status } from '@grpc/grpc-js';
import t from 'tap';
import { CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { openChannel } from '../../../src/net/grpc/index.js';
import { certificateSecret } from '../../support/fake-secret-source.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { decodeResponse, encodeRequest } from '../../support/sds-client.js';
import { serveSds } from './serve.js';

// The numbers are the rows of the conformance checklist, reference/sds.md section 4.

const FETCH = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

async function serveFetch(t: import('tap').Test) {
  const served = await serveSds(t);
  const channel = openChannel({ unix: served.path });
  t.teardown(() => channel.close());
  const fetch = async (names: readonly string[], typeUrl?: string) => {
    const request = encodeRequest({ names, ...(typeUrl !== undefined && { typeUrl }) });
    return decodeResponse(await channel.unary(FETCH, request, { deadlineMs: Date.now() + PATIENCE_MS }));
  };
  return { ...served, fetch, channel };
}

t.test('row 34: a fetch gives the secrets that are asked for, with a version and no nonce', async (t) => {
  const { source, fetch, connect } = await serveFetch(t);
  source.set({ default: 'leaf', ROOTCA: 'bundle' });
  const one = await fetch(['default']);
  t.same([one.names, one.nonce, one.controlPlane], [['default'], '', 'sidecert-test']);
  const both = await fetch(['ROOTCA', 'default', 'ROOTCA']);
  t.same(both.names, ['ROOTCA', 'default']);
  const stream = connect();
  stream.request({ names: ['default', 'ROOTCA'] });
  t.equal(both.version, (await stream.expectResponse()).version, 'the version is that of the content');
  t.equal(source.openViews, 1, 'of the stream');
});

t.test('row 34: a secret that comes while one waits is the answer', async (t) => {
  const { source, fetch } = await serveFetch(t);
  const answer = fetch(['default']);
  while (source.openViews === 0) await new Promise(setImmediate);
  source.set({ other: 'x' });
  source.set({ default: 'leaf' });
  t.same((await answer).names, ['default']);
});

t.test('row 34: what is not there in time is UNAVAILABLE, what can never be is NOT_FOUND, at once', async (t) => {
  const { source, fetch } = await serveFetch(t);
  source.impossible.add('never');
  await t.rejects(fetch(['never']), { code: status.NOT_FOUND });
  await t.rejects(fetch(['later']), { code: status.UNAVAILABLE });
  source.set({ default: 'leaf' });
  t.same((await fetch(['default', 'never'])).names, ['default']);
  t.same((await fetch(['later', 'default'])).names, ['default'], 'what there is, when the time is up');
  t.equal(source.openViews, 0);
});

t.test('row 34: no names, another type and what is no request are INVALID_ARGUMENT', async (t) => {
  const { fetch, channel } = await serveFetch(t);
  await t.rejects(fetch([]), { code: status.INVALID_ARGUMENT });
  await t.rejects(fetch(['*']), { code: status.INVALID_ARGUMENT });
  await t.rejects(fetch(['default'], 'type.googleapis.com/envoy.config.cluster.v3.Cluster'), {
    code: status.INVALID_ARGUMENT,
  });
  const broken = Buffer.from('1a05616263', 'hex');
  await t.rejects(channel.unary(FETCH, broken, { deadlineMs: Date.now() + PATIENCE_MS }), {
    code: status.INVALID_ARGUMENT,
  });
});

t.test('row 34: a caller that is refused, or never known, gets the reason within the time', async (t) => {
  const { source, fetch } = await serveFetch(t);
  source.set({ default: 'leaf' });
  source.admit = () => Promise.reject(new IdentityError('ERR_TOKEN_EXPIRED', 'expired'));
  await t.rejects(fetch(['default']), { code: status.UNAUTHENTICATED });
  let admit = (): void => {};
  source.admit = () =>
    new Promise((resolve) => {
      admit = resolve;
    });
  await t.rejects(fetch(['default']), { code: status.UNAVAILABLE });
  admit();
  await new Promise(setImmediate);
  t.equal(source.openViews, 0, 'and what is opened late is closed');
});

t.test('a caller that goes away waits no longer', async (t) => {
  const { source, channel } = await serveFetch(t);
  const going = new CancelSource();
  const options = { deadlineMs: Date.now() + PATIENCE_MS, signal: going };
  const answer = channel.unary(FETCH, encodeRequest({ names: ['later'] }), options);
  while (source.openViews === 0) await new Promise(setImmediate);
  going.cancel();
  await t.rejects(answer, { code: status.CANCELLED });
  while (source.openViews > 0) await new Promise(setImmediate);
  t.equal(source.openViews, 0);
});

t.test('an answer has the content of secrets that are wiped when their view closes', async (t) => {
  const { source, fetch } = await serveFetch(t);
  source.wipesWhenClosed = true;
  source.setSecrets({ file: certificateSecret('a chain') });
  const [secret] = (await fetch(['file'])).secrets;
  t.equal(Buffer.from(secret?.tlsCertificate?.certificateChain?.inlineBytes ?? []).toString(), 'a chain');
});

t.test('a secret that cannot be read ends its fetch alone', async (t) => {
  const { source, fetch } = await serveFetch(t);
  const wiped = certificateSecret('a chain');
  const unreadable = {
    ...{ version: wiped.version, kind: 'certificate' as const },
    get body(): Buffer {
      throw new IdentityError('ERR_INTERNAL', 'wiped');
    },
  };
  const answer = fetch(['late']);
  while (source.openViews === 0) await new Promise(setImmediate);
  source.setSecrets({ late: unreadable, other: wiped });
  await t.rejects(answer, { code: status.INTERNAL });
  t.same((await fetch(['other'])).names, ['other']);
});
