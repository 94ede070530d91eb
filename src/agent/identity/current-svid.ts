import type { SealedSvid } from '../../hotpath/index.js';
import { SecretContent } from './secret-content.js';

/** A proven SVID and when to replace it. */
export interface CurrentSvid {
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

/** Makes the next SVID to hold, with the bundle that goes with it. */
export function currentSvid(sealed: SealedSvid, bundle: SecretContent, rotateAtMs: number): CurrentSvid {
  return {
    certificate: new SecretContent('certificate', sealed.certificateBody),
    bundle,
    serial: sealed.serial,
    notBeforeMs: sealed.notBeforeMs,
    notAfterMs: sealed.notAfterMs,
    rotateAtMs,
  };
}
