// Does the addon hold its memory flat and its ground over a million operations: keys, leaves, proofs, mutated CSRs and
// chains?
//
// The mutations are drawn from a seed. What is accepted must be what the unharmed input gives; a crash ends the run. To
// look for memory errors as well, put the addon of `npm run test:asan` in place first.
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import type { BatchOperation, Operation, Operations } from '../src/hotpath/implementation.js';
import { Signer } from '../src/hotpath/index.js';
import { nativeIssue } from '../src/hotpath/native/issue.js';
import { nativePrepare } from '../src/hotpath/native/prepare.js';
import { nativeSeal } from '../src/hotpath/native/seal.js';
import { encodePem, makeSelfSignedRoot } from '../src/pki/x509/index.js';
import { loadAddon } from '../src/system/addon/index.js';
import { seededRandom } from '../test/support/prng.js';

// Else its growth would be in the figures, at whatever moment V8 decides on it.
setFlagsFromString('--semi-space-growth-factor=1');

const isSmoke = process.argv.includes('--smoke');
const COUNT = isSmoke ? 2000 : 1_000_000;
const STEPS = 5;

/**
 * From the second fifth to the last: far below a leak of sixteen octets an operation, and above what the collector's
 * turns leave.
 */
const MAX_GROWTH_MB = 8;

const load = loadAddon();
if (load.kind === 'absent') throw new Error(load.reason);
const { addon } = load;
const [prepare, issue, seal] = [nativePrepare(addon), nativeIssue(addon), nativeSeal(addon)];

const spiffeId = 'spiffe://cluster.local/ns/foo/sa/sleep';
const nowMs = Date.now();
const times = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 36_000_000 };
const root = makeSelfSignedRoot({ keyType: 'ec-p256', organization: 'cluster.local', ...times });
const signer = Signer.load(root.certificatePem, root.privateKeyPem).material;
const key = { spiffeId, keyType: 'ec-p256' } as const;
const { privateKey, csrPem } = one(prepare, key);
const request = { csrPem, signer, subjectAltNames: [spiffeId], ...times };
const { leafPem } = one(issue, request);
const sealing = { privateKey, chainPem: leafPem, bundlePem: root.certificatePem, spiffeId, nowMs, minLifeMs: 1000 };
const right = one(seal, sealing).certificateBody;

function one<O extends Operation>(operate: BatchOperation<O>, item: Operations[O]['item']): Operations[O]['value'] {
  const [outcome] = operate([item]);
  if (outcome?.ok) return outcome.value;
  throw new Error(JSON.stringify(outcome));
}

const random = seededRandom(1);
const below = (limit: number): number => Math.floor(random() * limit);

/** A copy with one to four octets changed, one of them perhaps cut out. */
function mutated(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = below(4); i >= 0; i--) copy[below(copy.length)] = below(256);
  const at = below(copy.length);
  return below(4) === 0 ? Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1)]) : copy;
}

const octetsOf = (pem: Buffer): Buffer => Buffer.from(String(pem).replace(/-----[^-]+-----/g, ''), 'base64');
const [csrDer, leafDer] = [octetsOf(csrPem), octetsOf(leafPem)];

/** Half of the mutations are in the text, half in the DER below it. */
const mutatedPem = (pem: Buffer, label: 'CERTIFICATE REQUEST' | 'CERTIFICATE', der: Buffer): Buffer =>
  below(2) === 0 ? mutated(pem) : encodePem(label, mutated(der));

let accepted = 0;
const questions = {
  'fresh keys': () => void prepare(Array.from({ length: 100 }, () => key)),
  'issued leaves': () => {
    accepted += issue(Array.from({ length: 100 }, () => request)).filter(({ ok }) => ok).length;
  },
  'proved chains': () => {
    accepted += seal(Array.from({ length: 100 }, () => sealing)).filter(({ ok }) => ok).length;
  },
  'mutated CSRs': () => {
    const items = Array.from({ length: 100 }, () => ({
      ...request,
      csrPem: mutatedPem(csrPem, 'CERTIFICATE REQUEST', csrDer),
    }));
    accepted += issue(items).filter(({ ok }) => ok).length;
  },
  'mutated chains': () => {
    const items = Array.from({ length: 100 }, () => ({
      ...sealing,
      chainPem: mutatedPem(leafPem, 'CERTIFICATE', leafDer),
    }));
    for (const outcome of seal(items)) {
      if (!outcome.ok) continue;
      accepted++;
      if (!outcome.value.certificateBody.equals(right)) throw new Error('a mutated chain was sealed');
    }
  },
};

for (const [name, ask] of Object.entries(questions)) {
  accepted = 0;
  const startedAt = performance.now();
  const rss: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    for (let done = 0; done < COUNT / STEPS; done += 100) ask();
    rss.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${name}: ${COUNT} in ${seconds} s, ${accepted} accepted, RSS at each fifth: ${rss.join(' ')} MB`);
  const growth = (rss.at(-1) ?? 0) - (rss[1] ?? 0);
  if (isSmoke || growth <= MAX_GROWTH_MB) continue;
  console.error(`${name}: memory grew by ${growth} MB after the second fifth, expected at most ${MAX_GROWTH_MB}`);
  process.exitCode = 1;
}
