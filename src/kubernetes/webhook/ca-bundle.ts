import type { X509Certificate } from 'node:crypto';
import { TrustBundle } from '../../pki/spiffe/index.js';

/** Our own roots, and how often the CA has told us what they are. */
export interface OwnRoots {
  readonly bundle: TrustBundle;
  readonly answers: number;
}

/** Roots of others, by fingerprint: how many answers of the CA we had when we first saw them. */
export type SeenRoots = ReadonlyMap<string, number>;

/** What the `caBundle` of a webhook has to be, and what is remembered of it. */
export interface WantedBundle {
  readonly bundle: TrustBundle;
  readonly seen: SeenRoots;
}

/** A rotation adds one; what is beyond is not of the CA's making. */
const MAX_OTHERS = 8;

/**
 * Which roots the `caBundle` of a webhook has to have. Pure. Always all of ours; and while the root of the CA changes
 * those of other replicas, which may have heard of the new one before us, or may still have a leaf of the old one. So a
 * root that is not ours is kept until the CA has told us its roots once more: then it is ours, or it is dropped. Each
 * replica renews its certificate at half of its life, so none serves a leaf of a dropped root by then.
 */
export function wantedBundle(present: readonly Buffer[], own: OwnRoots, seen: SeenRoots, nowMs: number): WantedBundle {
  const ours = new Set(own.bundle.list().map(({ fingerprint256 }) => fingerprint256));
  const others = new Map<string, X509Certificate>();
  for (const root of present.flatMap((pem) => rootsIn(pem, nowMs))) {
    if (!ours.has(root.fingerprint256)) others.set(root.fingerprint256, root);
  }
  const kept = [...others]
    .filter(([fingerprint]) => (seen.get(fingerprint) ?? own.answers) >= own.answers)
    .slice(0, MAX_OTHERS);
  const pem = [...own.bundle.list(), ...kept.map(([, root]) => root)].map(String).join('');
  return {
    // Together they may be more than a bundle takes; ours come first.
    bundle: kept.length === 0 ? own.bundle : (parsed(Buffer.from(pem, 'latin1')) ?? own.bundle),
    // Those that were dropped are remembered while they are there: a write that fails must not make them new again.
    seen: new Map([...others.keys()].map((fingerprint) => [fingerprint, seen.get(fingerprint) ?? own.answers])),
  };
}

/** Whether a `caBundle` has these roots and no others, in whatever order. */
export function hasRoots(caBundle: Buffer, wanted: TrustBundle): boolean {
  return parsed(caBundle)?.equals(wanted) === true;
}

/** Those that are worth keeping: a bundle with something else in it is no work of ours. */
function rootsIn(pem: Buffer, nowMs: number): X509Certificate[] {
  return parsed(pem)?.usableAt(nowMs)?.list() ?? [];
}

function parsed(pem: Buffer): TrustBundle | undefined {
  try {
    return TrustBundle.parsePem(pem);
  } catch {
    return undefined;
  }
}
