import type { X509Certificate } from 'node:crypto';
import { bundlePemOf, encodeBundleSecret, type SealedSvid } from '../hotpath/index.js';
import { TrustBundle } from '../spiffe/index.js';
import type { BundleContents } from './bundle-contents.js';
import { afterAnswer, afterTime, nextEndMs, type Roots, servedRoots } from './root-rotation.js';
import type { SecretContent } from './secret-content.js';

/** What an answer of the CA makes of the served bundle. */
export interface BundleStep {
  readonly content: SecretContent;
  /** Peers may have leaves of a root that whoever holds the former bundle does not know. */
  readonly hasNewRoots: boolean;
}

/**
 * The trust bundle that an identity serves: the roots that the CA names, and those that it has dropped while leaves of
 * them may live. As long as the same roots come, nothing is parsed, and the content stays the same object.
 */
export class ServedBundle {
  private issued: SecretContent | undefined;
  private served: SecretContent | undefined;
  /** Read only when the roots change; until then the served bundle is the issued one. */
  private roots: Roots | undefined;

  constructor(private readonly contents: BundleContents) {}

  get content(): SecretContent | undefined {
    return this.served;
  }

  /** When {@link dropEnded} will have something to do, in epoch milliseconds. */
  get nextEndMs(): number | undefined {
    return this.roots && nextEndMs(this.roots);
  }

  /** Takes the bundle of an answer over; `heldLeafEndMs` is the end of the leaf that we have, 0 without one. */
  take({ bundleBody, notAfterMs }: SealedSvid, { nowMs, heldLeafEndMs }: Moment): BundleStep {
    const answer = this.contents.of(bundleBody);
    const previous = this.issued;
    if (previous === undefined || this.served === undefined) {
      this.issued = answer;
      this.served = answer;
      return { content: answer, hasNewRoots: false };
    }
    if (previous.version === answer.version) return { content: this.served, hasNewRoots: false };
    const known = this.roots ?? { issued: rootsIn(previous), retired: [] };
    const before = fingerprints(known);
    const lastLeafEndMs = Math.max(notAfterMs, heldLeafEndMs);
    this.issued = answer;
    this.roots = afterAnswer(known, { issued: rootsIn(answer), nowMs, lastLeafEndMs });
    const hasNewRoots = this.roots.issued.some(({ fingerprint256 }) => !before.has(fingerprint256));
    return { content: this.serve(before), hasNewRoots };
  }

  /** Leaves out the roots whose time has come; the content, when that has changed it. */
  dropEnded(nowMs: number): SecretContent | undefined {
    if (this.roots === undefined) return undefined;
    const before = fingerprints(this.roots);
    const served = this.served;
    this.roots = afterTime(this.roots, nowMs);
    const content = this.serve(before);
    return content === served ? undefined : content;
  }

  /** The same roots are the same object, in whatever order the CA names them; the CA's own are its own bytes. */
  private serve(before: ReadonlySet<string>): SecretContent {
    const roots = this.roots ?? { issued: [], retired: [] };
    const all = servedRoots(roots);
    const isSame = all.length === before.size && all.every(({ fingerprint256 }) => before.has(fingerprint256));
    if (isSame && this.served !== undefined) return this.served;
    if (roots.retired.length === 0 && this.issued !== undefined) this.served = this.issued;
    else {
      const pem = Buffer.from(all.map(String).join(''), 'latin1');
      this.served = this.contents.of(encodeBundleSecret(pem));
    }
    return this.served;
  }
}

interface Moment {
  readonly nowMs: number;
  readonly heldLeafEndMs: number;
}

function fingerprints(roots: Roots): ReadonlySet<string> {
  return new Set(servedRoots(roots).map(({ fingerprint256 }) => fingerprint256));
}

function rootsIn({ body }: SecretContent): X509Certificate[] {
  return TrustBundle.parsePem(bundlePemOf(body)).list();
}
