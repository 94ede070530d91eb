/** What the benches of the hot path work on: keys, CSRs and chains as a mesh has them. */
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { IssueItem, Outcome } from '../src/hotpath/implementation.js';
import { type PreparedKey, type SealRequest, Signer } from '../src/hotpath/index.js';
import { loadOperation } from '../src/hotpath/operation.js';
import type { KeyType } from '../src/pki/x509/index.js';
import { loadAddon } from '../src/system/addon/index.js';
import { certificate, ecKeys, type KeyPair, pem, pkcs8 } from '../test/hotpath/pki.js';
import { loadTestAddon, type TestAddon } from '../test/support/test-addon.js';

export const SPIFFE_ID = 'spiffe://cluster.local/ns/foo/sa/sleep';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.now();
const LIFE = { notBeforeMs: NOW_MS - HOUR_MS, notAfterMs: NOW_MS + 24 * HOUR_MS };

/** @throws Error: there is nothing to measure without the addon. */
export function requireAddon(): void {
  loadedOrThrow(loadAddon());
}

/** The addon of tests and benches. @throws as {@link requireAddon}. */
export function testAddonOrThrow(): TestAddon {
  return loadedOrThrow(loadTestAddon());
}

function loadedOrThrow<A>(
  load: { readonly kind: 'loaded'; readonly addon: A } | { readonly kind: 'absent'; readonly reason: string },
): A {
  if (load.kind === 'loaded') return load.addon;
  throw new Error(`${load.reason}; the benches measure it: install a C++ compiler and run npm run setup`);
}

/** The values of a batch. @throws Error for the first item that failed. */
export function valuesOf<T>(outcomes: readonly Outcome<T>[]): T[] {
  return outcomes.map((outcome) => {
    if (outcome.ok) return outcome.value;
    throw new Error(`${outcome.code}: ${outcome.message}`);
  });
}

export function only<T>(outcomes: readonly Outcome<T>[]): T {
  const [value, ...others] = valuesOf(outcomes);
  if (value === undefined || others.length > 0) throw new Error(`got ${outcomes.length} outcomes, expected 1`);
  return value;
}

/** CAs that issuing is measured with. How the certificate of the RSA one is signed is of no matter: it signs leaves. */
const root = { keys: ecKeys(), subject: 'cluster.local' };
const rsaCa = { keys: generateKeyPairSync('rsa', { modulusLength: 2048 }), subject: 'rsa', issuer: root };
const rootCertificate = certificate({ ...root, isCa: true, ...LIFE });
export const EC_SIGNER = signerOf(rootCertificate, root.keys);
export const RSA_SIGNER = signerOf(certificate({ ...rsaCa, isCa: true, ...LIFE }), rsaCa.keys);

function signerOf(issuer: X509Certificate, { privateKey }: KeyPair): Signer {
  return Signer.load(pem(issuer), Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
}

/** A CSR with its key. */
export async function prepared(keyType: KeyType = 'ec-p256') {
  const prepare = await loadOperation('js', 'prepare');
  return only(prepare([{ spiffeId: SPIFFE_ID, keyType }]));
}

/** What a CA is asked for. */
export function issueItem(signer: Signer, csrPem: Buffer): IssueItem {
  return { csrPem, signer: signer.material, subjectAltNames: [SPIFFE_ID], ...LIFE };
}

/** @throws Error unless the CSR is one for this key, by the word of a CA that is not the one who made it. */
export async function proveKeyAndCsr({ privateKey, csrPem }: PreparedKey): Promise<void> {
  const issue = await loadOperation('js', 'issue');
  const { leafPem } = only(issue([issueItem(EC_SIGNER, csrPem)]));
  const key = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
  assert.ok(new X509Certificate(leafPem).checkPrivateKey(key), 'the CSR is for the key');
}

/** A leaf of the EC CA with its key, ready to be sealed. */
export function sealRequest(): SealRequest {
  const keys = ecKeys();
  return {
    privateKey: pkcs8(keys.privateKey),
    chainPem: pem(certificate({ keys, subject: '', issuer: root, uris: [SPIFFE_ID], ...LIFE })),
    bundlePem: pem(rootCertificate),
    spiffeId: SPIFFE_ID,
    nowMs: NOW_MS,
    minLifeMs: HOUR_MS,
  };
}

/** For loops that give no result but how long they took. */
export function provePositive(value: number): void {
  assert.ok(value > 0, `got ${value}, expected more than 0`);
}
