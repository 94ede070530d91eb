// How many keys with their CSRs can one core make?

import { generateKeyPairSync, sign } from 'node:crypto';
import { loadOperation } from '../src/hotpath/operation.js';
import { KEY_TYPES, type KeyType } from '../src/pki/x509/index.js';
import { ask, type Case, rate } from './harness.js';
import { proveKeyAndCsr, provePositive, SPIFFE_ID, testAddonOrThrow, valuesOf } from './material.js';
import { buildGoPrepare } from './peers/go-prepare.js';

const addon = testAddonOrThrow();
const native = await loadOperation('native', 'prepare');
const js = await loadOperation('js', 'prepare');

/** What travels to a thread of the pool at most. */
const BATCH = 32;

const itemsOf = (keyType: KeyType, size: number) =>
  Array.from({ length: size }, () => ({ spiffeId: SPIFFE_ID, keyType }));

function prepareCase(group: KeyType, name: string, operate: typeof native, size: number): Case {
  const items = itemsOf(group, size);
  const run = () => operate(items);
  const check = async (outcomes: ReturnType<typeof operate>) => {
    for (const prepared of valuesOf(outcomes)) await proveKeyAndCsr(prepared);
  };
  return rate({ group, name, itemsPerCall: size, run, check });
}

/** The addon's own loop over OpenSSL's key generation and signature; `count` makes what a call costs vanish. */
function bareEcCase(group: 'ec-p256' | 'ec-p384', count: number): Case {
  const run = () => addon.timeKeyAndSignature(count, KEY_TYPES.indexOf(group));
  return rate({ group, name: 'bare', itemsPerCall: count, run, check: provePositive });
}

const bareRsaCase = rate({
  group: 'rsa-2048',
  name: 'bare',
  run: () => sign('sha256', Buffer.alloc(32), generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  check: ({ length }) => provePositive(length),
});

/** As many that the start of its process, about 2 ms, hardly counts. */
const GO_COUNT = 1000;

const goPrepare = buildGoPrepare();
const goCases =
  goPrepare === undefined
    ? []
    : [
        rate({
          group: 'ec-p256',
          name: 'Go',
          itemsPerCall: GO_COUNT,
          run: () => goPrepare(GO_COUNT, SPIFFE_ID),
          check: proveKeyAndCsr,
        }),
      ];

await ask({
  name: 'prepare',
  question: 'How many keys with their CSRs can one core make?',
  note: 'bare: key generation and one signature, nothing else; EC by a loop in the addon, RSA by node:crypto. native and js: in batches of 32, as they come through the pool; "alone" is one a call. Go: its standard library on one core, where there is a Go. An RSA key takes as long as its primes are hard to find, so its rates have no ratio.',
  workers: 0,
  cases: [
    bareEcCase('ec-p256', 500),
    prepareCase('ec-p256', 'native', native, BATCH),
    prepareCase('ec-p256', 'native, alone', native, 1),
    prepareCase('ec-p256', 'js', js, BATCH),
    ...goCases,
    bareEcCase('ec-p384', 20),
    prepareCase('ec-p384', 'native', native, BATCH),
    prepareCase('ec-p384', 'js', js, BATCH),
    bareRsaCase,
    prepareCase('rsa-2048', 'native', native, 1),
    prepareCase('rsa-2048', 'js', js, 1),
  ],
  ratios: [
    { group: 'ec-p256', of: 'native', to: 'bare', atLeast: 0.8 },
    { group: 'ec-p256', of: 'native', to: 'js', atLeast: 4 },
    ...goCases.map(({ group, name }) => ({ group, of: 'native', to: name, atLeast: 4 })),
    { group: 'ec-p256', of: 'native, alone', to: 'bare' },
    { group: 'ec-p384', of: 'native', to: 'bare' },
    { group: 'ec-p384', of: 'native', to: 'js' },
  ],
});
