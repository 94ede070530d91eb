import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { Signer } from '../../hotpath/index.js';
import { encodePem, isIssuedBy, NameTag, readFacts, readPem } from '../../pki/x509/index.js';
import { BACKDATING_MS } from './issuing-policy.js';

/** A CA that Citadel has made below its authority, with its key. */
export interface Intermediate {
  readonly signer: Signer;
  /** Epoch milliseconds. */
  readonly madeAtMs: number;
  readonly notAfterMs: number;
  /** Whose URIs it may sign alone; `undefined` when it may sign all. */
  readonly permittedHost: string | undefined;
  /** Key and certificate in PEM, as they are kept. Wipe it. */
  readonly pem: Buffer;
}

/** One in use, one that is to be, those whose leaves are valid, and some of a clock that was set. */
const MAX_INTERMEDIATES = 32;

const MAX_BYTES = 256 * 1024;

/**
 * What was kept: for each one its key, then its certificate, in PEM; the newest first.
 * @throws IdentityError `ERR_SIGNER_INVALID`: it is not what {@link encodeIntermediates} has written.
 */
export function decodeIntermediates(kept: Buffer, what: string): Intermediate[] {
  const wanted = { what, code: 'ERR_SIGNER_INVALID', maxBytes: MAX_BYTES, maxBlocks: 2 * MAX_INTERMEDIATES } as const;
  const blocks = readPem(kept, wanted);
  try {
    const all: Intermediate[] = [];
    for (let index = 0; index < blocks.length; index += 2) {
      const [key, certificate] = [blocks[index], blocks[index + 1]];
      if (key?.label !== 'PRIVATE KEY' || certificate?.label !== 'CERTIFICATE') throw unfit(what);
      all.push(intermediateOf(key.der, certificate.der, what));
    }
    return all;
  } finally {
    for (const { label, der } of blocks) if (label === 'PRIVATE KEY') der.fill(0);
  }
}

/** Wipe the result. */
export function encodeIntermediates(all: readonly Intermediate[]): Buffer {
  const kept = all.slice(0, MAX_INTERMEDIATES).map(({ pem }) => pem);
  const memory = Buffer.allocUnsafeSlow(kept.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const pem of kept) at += pem.copy(memory, at);
  return memory;
}

/**
 * By the key in PKCS#8 DER, which stays the caller's.
 * @throws IdentityError `ERR_SIGNER_INVALID`.
 */
export function intermediateOf(keyDer: Buffer, certificateDer: Buffer, what: string): Intermediate {
  const [keyPem, certificatePem] = [encodePem('PRIVATE KEY', keyDer), encodePem('CERTIFICATE', certificateDer)];
  const pem = Buffer.allocUnsafeSlow(keyPem.length + certificatePem.length);
  keyPem.copy(pem);
  certificatePem.copy(pem, keyPem.length);
  try {
    const signer = Signer.load(certificatePem, keyPem, { certificate: what, privateKey: what });
    const facts = readFacts(certificateDer);
    if (typeof facts === 'string') throw unfit(what);
    const { notBeforeMs, notAfterMs, constraints } = facts;
    const [only] = constraints?.permitted ?? [];
    const permittedHost = only?.tag === NameTag.uri ? only.content.toString('latin1') : undefined;
    return { signer, madeAtMs: notBeforeMs + BACKDATING_MS, notAfterMs, permittedHost, pem };
  } finally {
    keyPem.fill(0);
  }
}

/** Whether the certificate of an authority has signed it, and it has the constraint that is wanted now. */
export function isBelow(
  { signer, permittedHost }: Intermediate,
  above: X509Certificate,
  wantedHost: string | undefined,
): boolean {
  return permittedHost === wantedHost && isIssuedBy(signer.certificate, above);
}

function unfit(what: string): IdentityError {
  return new IdentityError(
    'ERR_SIGNER_INVALID',
    `${what}: got what is no list of online intermediates, expected keys and certificates as a Citadel has written them, or nothing`,
  );
}
