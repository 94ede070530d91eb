// How near to the bare cryptography does one thread come, by the addon and by JavaScript: keys with CSR, leaves, seals?
//
// Rounds of all contestants alternate, so that what else the machine does meets each of them; the median counts. Each
// contestant's result is used by the next operation once before the clock runs.
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import { loadAddon } from '../src/addon/index.js';
import { oneByOne } from '../src/hotpath/batch.js';
import type { HotPathImplementation, Outcome } from '../src/hotpath/implementation.js';
import { makeSelfSignedRoot, Signer } from '../src/hotpath/index.js';
import { issue } from '../src/hotpath/js/issue.js';
import { SignerCache } from '../src/hotpath/js/loaded-signer.js';
import { prepare } from '../src/hotpath/js/prepare.js';
import { seal } from '../src/hotpath/js/seal.js';
import { nativeIssue } from '../src/hotpath/native/issue.js';
import { nativePrepare } from '../src/hotpath/native/prepare.js';
import { nativeSeal } from '../src/hotpath/native/seal.js';

const isSmoke = process.argv.includes('--smoke');
const ROUNDS = isSmoke ? 1 : 9;
/** Operations in a round; a batch has as many items as the pool sends at most. */
const COUNT = isSmoke ? 64 : 512;
const BATCH = 32;

const ID = 'spiffe://cluster.local/ns/foo/sa/sleep';
const nowMs = Date.now();
const times = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 };
const root = makeSelfSignedRoot({ keyType: 'ec-p256', organization: 'cluster.local', ...times });
const signer = Signer.load(root.certificatePem, root.privateKeyPem).material;

const load = loadAddon();
if (load.kind === 'absent') throw new Error(load.reason);
const { addon } = load;
const signers = new SignerCache();
const js: HotPathImplementation = {
  prepare: oneByOne('prepare', prepare),
  seal: oneByOne('seal', seal),
  issue: oneByOne('issue', (item) => issue(item, signers)),
};
const native: HotPathImplementation = {
  prepare: nativePrepare(addon),
  seal: nativeSeal(addon),
  issue: nativeIssue(addon),
};

function resultOf<T>([outcome]: readonly Outcome<T>[]): T {
  if (outcome?.ok !== true) throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome.value;
}

/** One item of each operation, from the whole way gone once by `implementation`. */
function itemsOf(implementation: HotPathImplementation) {
  const prepareItem = { spiffeId: ID, keyType: 'ec-p256' } as const;
  const { privateKey, csrPem } = resultOf(implementation.prepare([prepareItem]));
  const issueItem = { csrPem, signer, subjectAltNames: [ID], ...times };
  const { leafPem } = resultOf(implementation.issue([issueItem]));
  const sealItem = {
    ...{ privateKey, chainPem: leafPem, bundlePem: root.certificatePem },
    ...{ spiffeId: ID, nowMs, minLifeMs: 1000 },
  };
  resultOf(implementation.seal([sealItem]));
  return { prepareItem, issueItem, sealItem };
}

/** Microseconds per operation. */
function timed<I, V>(operate: (items: readonly I[]) => readonly Outcome<V>[], item: I, size: number): number {
  const items = Array.from({ length: size }, () => item);
  const startedAt = performance.now();
  for (let done = 0; done < COUNT; done += size) {
    if (!operate(items).every(({ ok }) => ok)) throw new Error('an operation was refused');
  }
  return ((performance.now() - startedAt) * 1000) / COUNT;
}

const ours = itemsOf(native);
const theirs = itemsOf(js);
const contestants = {
  'bare key + signature': () => (addon.timeKeyAndSignature(COUNT) * 1e6) / COUNT,
  'prepare, native, batches': () => timed(native.prepare, ours.prepareItem, BATCH),
  'prepare, native, alone': () => timed(native.prepare, ours.prepareItem, 1),
  'prepare, js': () => timed(js.prepare, theirs.prepareItem, 1),
  'bare verification + signature': () => (addon.timeVerificationAndSignature(COUNT) * 1e6) / COUNT,
  'issue, native, batches': () => timed(native.issue, ours.issueItem, BATCH),
  'issue, native, alone': () => timed(native.issue, ours.issueItem, 1),
  'issue, js': () => timed(js.issue, theirs.issueItem, 1),
  'seal, native, batches': () => timed(native.seal, ours.sealItem, BATCH),
  'seal, native, alone': () => timed(native.seal, ours.sealItem, 1),
  'seal, js': () => timed(js.seal, theirs.sealItem, 1),
};

const samples = new Map<string, number[]>(Object.keys(contestants).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(contestants)) samples.get(name)?.push(run());
}

const median = (name: keyof typeof contestants): number => {
  const sorted = (samples.get(name) ?? []).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
};
console.log(`node ${process.versions.node}, openssl ${process.versions.openssl}, ${cpus()[0]?.model}, one thread`);
for (const name of Object.keys(contestants) as (keyof typeof contestants)[]) {
  const sorted = (samples.get(name) ?? []).toSorted((a, b) => a - b);
  const range = `${sorted[0]?.toFixed(1)} – ${sorted.at(-1)?.toFixed(1)}`;
  const rate = Math.round(1e6 / median(name));
  console.log(`${name.padEnd(30)} ${median(name).toFixed(1).padStart(7)} µs (${range}) ${String(rate).padStart(6)}/s`);
}
const ratio = (limit: keyof typeof contestants, name: keyof typeof contestants): string =>
  (median(limit) / median(name)).toFixed(2);
console.log(
  `prepare, of the bare rate: ${ratio('bare key + signature', 'prepare, native, batches')} in batches, ${ratio('bare key + signature', 'prepare, native, alone')} alone; of js: ${ratio('prepare, js', 'prepare, native, batches')}`,
);
console.log(
  `issue, of the bare rate: ${ratio('bare verification + signature', 'issue, native, batches')} in batches, ${ratio('bare verification + signature', 'issue, native, alone')} alone; of js: ${ratio('issue, js', 'issue, native, batches')}`,
);
console.log(`seal, of js: ${ratio('seal, js', 'seal, native, batches')}`);
