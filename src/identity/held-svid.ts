import type { SealedSvid } from '../hotpath/index.js';
import { SecretContent } from './secret-content.js';

/** A proven SVID and when to replace it. */
export interface HeldSvid {
  readonly certificate: SecretContent;
  readonly bundle: SecretContent;
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
  /** Epoch milliseconds; drawn once, when the SVID came. */
  readonly rotateAtMs: number;
}

/**
 * Makes the next SVID to hold. A bundle equal to the present one keeps its object, so nobody takes it for a change.
 */
export function holdSvid(sealed: SealedSvid, rotateAtMs: number, previous: HeldSvid | undefined): HeldSvid {
  const bundle = new SecretContent('validation-context', sealed.bundleBody);
  return {
    certificate: new SecretContent('certificate', sealed.certificateBody),
    bundle: previous?.bundle.version === bundle.version ? previous.bundle : bundle,
    serial: sealed.serial,
    notBeforeMs: sealed.notBeforeMs,
    notAfterMs: sealed.notAfterMs,
    rotateAtMs,
  };
}
