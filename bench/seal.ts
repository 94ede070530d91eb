// How many issued chains can one core prove and serialise for Envoy?

import assert from 'node:assert/strict';
import { loadOperation } from '../src/hotpath/operation.js';
import { envoy } from '../src/net/protobuf/index.js';
import { KEY_TYPES } from '../src/pki/x509/index.js';
import { ask, type Case, rate } from './harness.js';
import { provePositive, sealRequest, testAddonOrThrow, valuesOf } from './material.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

const addon = testAddonOrThrow();
const native = await loadOperation('native', 'seal');
const js = await loadOperation('js', 'seal');
const request = sealRequest();

/** What travels to a thread of the pool at most. */
const BATCH = 32;

function sealCase(name: string, operate: typeof native, size: number): Case {
  const items = Array.from({ length: size }, () => request);
  const check = (outcomes: ReturnType<typeof native>): void => {
    for (const { certificateBody, bundleBody } of valuesOf(outcomes)) {
      const chain = Secret.decode(certificateBody).tlsCertificate?.certificateChain?.inlineBytes;
      const bundle = Secret.decode(bundleBody).validationContext?.trustedCa?.inlineBytes;
      assert.deepEqual([Buffer.from(chain ?? []), Buffer.from(bundle ?? [])], [request.chainPem, request.bundlePem]);
    }
  };
  return rate({ group: 'P-256 chain', name, itemsPerCall: size, run: () => operate(items), check });
}

const BARE_LOOP = 500;
const bareCase = rate({
  group: 'P-256 chain',
  name: 'bare',
  itemsPerCall: BARE_LOOP,
  run: () => addon.timeVerification(BARE_LOOP, KEY_TYPES.indexOf('ec-p256')),
  check: provePositive,
});

await ask({
  name: 'seal',
  question: 'How many issued chains can one core prove and serialise for Envoy?',
  note: 'A P-256 leaf that its root has issued: signature, names, times and key are checked, and both secrets written. bare: one verification, nothing else, by a loop in the addon. native and js: in batches of 32, as they come through the pool; "alone" is one a call.',
  workers: 0,
  cases: [bareCase, sealCase('native', native, BATCH), sealCase('native, alone', native, 1), sealCase('js', js, BATCH)],
  ratios: [
    { group: 'P-256 chain', of: 'native', to: 'bare' },
    { group: 'P-256 chain', of: 'native, alone', to: 'bare' },
    { group: 'P-256 chain', of: 'native', to: 'js' },
  ],
});
