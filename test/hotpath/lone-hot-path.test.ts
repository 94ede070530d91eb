import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import t from 'tap';
import { createLoneHotPath, Signer } from '../../src/hotpath/index.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';

const ID = 'spiffe://cluster.local/ns/foo/sa/sleep';
const NOW = Date.now();

function lone() {
  const hotPath = createLoneHotPath({
    threads: { min: 0, max: 1 },
    idleTimeoutMs: 100,
    maxQueue: 8,
    taskTimeoutMs: 20_000,
  });
  t.teardown(() => hotPath.close());
  return hotPath;
}

for (const keyType of ['ec-p256', 'rsa-2048'] as const) {
  t.test(`a key of type ${keyType} is made, certified and sealed`, async (t) => {
    const hotPath = lone();
    const root = makeSelfSignedRoot({
      keyType: 'ec-p256',
      organization: 'cluster.local',
      notBeforeMs: NOW - 60_000,
      notAfterMs: NOW + 3_600_000,
    });
    const { privateKey, csrPem } = await hotPath.prepare({ spiffeId: ID, keyType });
    const { leafPem, serial } = await hotPath.issue({
      csrPem,
      signer: Signer.load(root.certificatePem, root.privateKeyPem),
      subjectAltNames: [ID],
      notBeforeMs: NOW - 60_000,
      notAfterMs: NOW + 600_000,
    });
    const request = { privateKey, chainPem: leafPem, bundlePem: root.certificatePem, nowMs: NOW, minLifeMs: 1000 };
    const sealed = await hotPath.seal({ ...request, spiffeId: ID });
    t.equal(sealed.serial, serial);
    t.equal(new X509Certificate(leafPem).subjectAltName, `URI:${ID}`);
    await t.rejects(hotPath.seal({ ...request, spiffeId: `${ID}-x` }), { code: 'ERR_SVID_IDENTITY_MISMATCH' });
  });
}

t.test('EC keys take no thread, and that of an RSA key, ahead or not, ends when it is idle', async (t) => {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker) => threads.push(worker);
  process.on('worker', onWorker);
  t.teardown(() => process.off('worker', onWorker));
  const hotPath = lone();
  await hotPath.prepare({ spiffeId: ID, keyType: 'ec-p256' });
  t.equal(threads.length, 0);
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  const rsa = { spiffeId: ID, keyType: 'rsa-2048' } as const;
  await Promise.all([hotPath.prepare(rsa), hotPath.prepare(rsa, { isAhead: true })]);
  t.equal(threads.length, 2);
  await Promise.all(threads.map((thread) => thread.threadId > 0 && once(thread, 'exit')));
  t.same(
    threads.map(({ threadId }) => threadId),
    [-1, -1],
  );
});

t.test('arguments of a wrong type and unknown key types are refused by code', async (t) => {
  const hotPath = lone();
  await t.rejects(hotPath.prepare({ spiffeId: ID, keyType: 'dsa' as never }), { code: 'ERR_KEY_TYPE_UNSUPPORTED' });
  await t.rejects(hotPath.prepare({ spiffeId: 'no id', keyType: 'ec-p256' }), { code: 'ERR_SPIFFE_ID_INVALID' });
  await t.rejects(hotPath.prepare(undefined as never), { code: 'ERR_INTERNAL' });
  await t.rejects(hotPath.seal({} as never), { code: 'ERR_INTERNAL' });
});

t.test('after close nothing is done any more', async (t) => {
  const hotPath = lone();
  await hotPath.close();
  await hotPath.close();
  await t.rejects(hotPath.prepare({ spiffeId: ID, keyType: 'ec-p256' }), { code: 'ERR_HOTPATH_CLOSED' });
  await t.rejects(hotPath.prepare({ spiffeId: ID, keyType: 'rsa-2048' }), { code: 'ERR_HOTPATH_CLOSED' });
  await t.rejects(hotPath.issue({} as never), { code: 'ERR_HOTPATH_CLOSED' });
});
