import { transferableSymbol, valueSymbol } from 'piscina';
import t from 'tap';
import type { Outcome } from '../../src/hotpath/implementation.js';
import runBatch from '../../src/hotpath/worker.js';
import type { BatchMessage } from '../../src/hotpath/worker-protocol.js';
import { certificate, ecKeys, NOW_MS, pem, pkcs8, SLEEP } from './pki.js';

interface Answer {
  readonly [transferableSymbol]: readonly ArrayBuffer[];
  readonly [valueSymbol]: { readonly outcomes: readonly Outcome<Record<string, Buffer>>[]; readonly runMs: number };
}

/** What a thread would post. */
async function answerTo(batch: unknown): Promise<Answer> {
  return (await runBatch(batch as BatchMessage)) as Answer;
}

t.test('the thread wipes the copy of the key that it was sent, sealed or not', async (t) => {
  const keys = ecKeys();
  const root = { keys: ecKeys(), subject: 'root' };
  const right = {
    privateKey: new Uint8Array(pkcs8(keys.privateKey)),
    chainPem: pem(certificate({ keys, subject: '', issuer: root, uris: [SLEEP] })),
    bundlePem: pem(certificate({ ...root, isCa: true })),
    spiffeId: SLEEP,
    nowMs: NOW_MS,
    minLifeMs: 1,
  };
  const wrong = { ...right, privateKey: new Uint8Array(pkcs8(keys.privateKey)), spiffeId: `${SLEEP}y` };
  const answer = await answerTo({ op: 'seal', items: [right, wrong] });

  t.match(answer[valueSymbol].outcomes, [{ ok: true }, { ok: false, code: 'ERR_SVID_IDENTITY_MISMATCH' }]);
  for (const { privateKey } of [right, wrong]) t.ok(privateKey.every((octet) => octet === 0));
});

t.test('all bytes of an answer are moved, none is copied', async (t) => {
  const answer = await answerTo({ op: 'prepare', items: [{ spiffeId: SLEEP, keyType: 'ec-p256' }] });
  const [outcome] = answer[valueSymbol].outcomes;
  t.match(outcome, { ok: true });
  const { privateKey, csrPem } = outcome?.ok ? outcome.value : {};
  t.same(answer[transferableSymbol], [privateKey?.buffer, csrPem?.buffer]);
  structuredClone(answer[valueSymbol].outcomes, { transfer: [...answer[transferableSymbol]] });
  t.equal(privateKey?.length, 0, 'after the move nothing is left here');
});

t.test('items of a wrong type are answered, not thrown', async (t) => {
  const answer = await answerTo({ op: 'issue', items: [undefined, 7, { csrPem: 'x' }, { signer: {} }] });
  t.same(
    answer[valueSymbol].outcomes.map((outcome) => !outcome.ok && outcome.code),
    ['ERR_INTERNAL', 'ERR_INTERNAL', 'ERR_INTERNAL', 'ERR_INTERNAL'],
  );
});
