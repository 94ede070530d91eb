import { randomBytes } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { openSigner, type Signer } from '../../hotpath/index.js';
import type { TrustDomain } from '../../pki/spiffe/index.js';
import { exportPrivateKey, generateKeyPair, writeIntermediate } from '../../pki/x509/index.js';
import { type Intermediate, intermediateOf } from './intermediate-set.js';
import { BACKDATING_MS, MIN_TTL_MS } from './issuing-policy.js';

export interface IntermediateTerms {
  readonly trustDomain: TrustDomain;
  /** Whether a critical name constraint permits the URIs of the trust domain alone. */
  readonly isConstrained: boolean;
  readonly lifeMs: number;
  /** It ends with what is above it, at the latest; epoch milliseconds. */
  readonly aboveNotAfterMs: number;
  readonly nowMs: number;
}

/**
 * A fresh P-256 key, and a certificate for it that `above` has signed.
 * @throws IdentityError `ERR_CA_KEY_UNAVAILABLE`; `ERR_CITADEL_NOT_READY`: what is above it has expired, or nearly so.
 */
export async function makeIntermediate(above: Signer, terms: IntermediateTerms): Promise<Intermediate> {
  const { trustDomain, isConstrained, lifeMs, aboveNotAfterMs, nowMs } = terms;
  const madeAtMs = Math.floor(nowMs / 1000) * 1000;
  const notAfterMs = Math.min(madeAtMs + lifeMs, aboveNotAfterMs);
  if (notAfterMs < nowMs + 2 * MIN_TTL_MS) {
    const end = new Date(aboveNotAfterMs).toISOString();
    throw new IdentityError(
      'ERR_CITADEL_NOT_READY',
      `authority: ends at ${end}, expected one that can sign for longer`,
    );
  }
  const { privateKey, publicKey } = generateKeyPair('ec-p256');
  const content = {
    publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
    organization: trustDomain.name,
    commonName: `sidecert intermediate ${new Date(madeAtMs).toISOString().slice(0, 10)} ${randomBytes(6).toString('hex')}`,
    permittedUriHost: isConstrained ? trustDomain.name : undefined,
    ...{ notBeforeMs: madeAtMs - BACKDATING_MS, notAfterMs },
  };
  const certificate = await writeIntermediate(openSigner(above), content);
  const keyDer = exportPrivateKey(privateKey);
  try {
    return intermediateOf(keyDer, certificate, 'online intermediate');
  } finally {
    keyDer.fill(0);
  }
}
