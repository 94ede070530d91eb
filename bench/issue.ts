// How many CSRs can one core check and sign a leaf for?

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto';
import type { Signer } from '../src/hotpath/index.js';
import { loadOperation } from '../src/hotpath/operation.js';
import { KEY_TYPES } from '../src/pki/x509/index.js';
import { ask, type Case, rate } from './harness.js';
import {
  EC_SIGNER,
  issueItem,
  prepared,
  provePositive,
  RSA_SIGNER,
  SPIFFE_ID,
  testAddonOrThrow,
  valuesOf,
} from './material.js';

const addon = testAddonOrThrow();
const native = await loadOperation('native', 'issue');
const js = await loadOperation('js', 'issue');
const { csrPem } = await prepared();

/** What travels to a thread of the pool at most. */
const BATCH = 32;

function issueCase(
  group: string,
  name: string,
  { operate = native, signer = EC_SIGNER, size = BATCH }: IssueShape,
): Case {
  const items = Array.from({ length: size }, () => issueItem(signer, csrPem));
  const check = (outcomes: ReturnType<typeof native>): void => {
    for (const { leafPem } of valuesOf(outcomes)) {
      const leaf = new X509Certificate(leafPem);
      assert.ok(leaf.verify(signer.certificate.publicKey), 'the leaf is signed by its CA');
      assert.equal(leaf.subjectAltName, `URI:${SPIFFE_ID}`);
    }
  };
  return rate({ group, name, itemsPerCall: size, run: () => operate(items), check });
}

interface IssueShape {
  readonly operate?: typeof native;
  readonly signer?: Signer;
  readonly size?: number;
}

const BARE_LOOP = 500;
const bareEcCase = rate({
  group: 'EC CA',
  name: 'bare',
  itemsPerCall: BARE_LOOP,
  run: () => addon.timeVerificationAndSignature(BARE_LOOP, KEY_TYPES.indexOf('ec-p256')),
  check: provePositive,
});

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const digest = Buffer.alloc(32);
const known = sign('sha256', digest, ec.privateKey);
const bareRsaCase = rate({
  group: 'RSA-2048 CA',
  name: 'bare',
  run: () => verify('sha256', digest, ec.publicKey, known) && sign('sha256', digest, rsa.privateKey),
  check: (signature) => assert.ok(signature, 'the signature is right'),
});

await ask({
  name: 'issue',
  question: 'How many CSRs can one core check and sign a leaf for?',
  note: 'P-256 CSRs. bare: one verification and one signature, nothing else; with the EC CA by a loop in the addon, with the RSA CA by node:crypto. native and js: in batches of 32, as they come through the pool; "alone" is one a call.',
  workers: 0,
  cases: [
    bareEcCase,
    issueCase('EC CA', 'native', {}),
    issueCase('EC CA', 'native, alone', { size: 1 }),
    issueCase('EC CA', 'js', { operate: js }),
    bareRsaCase,
    issueCase('RSA-2048 CA', 'native', { signer: RSA_SIGNER }),
    issueCase('RSA-2048 CA', 'js', { operate: js, signer: RSA_SIGNER }),
  ],
  ratios: [
    { group: 'EC CA', of: 'native', to: 'bare', atLeast: 0.7 },
    { group: 'EC CA', of: 'native, alone', to: 'bare' },
    { group: 'EC CA', of: 'native', to: 'js' },
    { group: 'RSA-2048 CA', of: 'native', to: 'bare' },
    { group: 'RSA-2048 CA', of: 'native', to: 'js' },
  ],
});
