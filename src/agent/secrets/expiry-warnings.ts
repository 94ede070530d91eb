/**
 * Shares of the life that are left when it is told that a certificate has not been replaced: the kubelet and
 * cert-manager do so when a third is left, at the latest. (Kubernetes, "Pod Certificates"; cert-manager, `renewBefore`)
 */
const WARNED_AT = [0.2, 0.1, 0.05, 0.01];

/** How many warnings are due by now: the last one is that of the end. Times are epoch milliseconds. */
export function passedWarnings(
  { notBeforeMs, notAfterMs }: { readonly notBeforeMs: number; readonly notAfterMs: number },
  nowMs: number,
): number {
  const lifeMs = notAfterMs - notBeforeMs;
  const leftMs = notAfterMs - nowMs;
  return WARNED_AT.filter((share) => leftMs <= share * lifeMs).length + (leftMs <= 0 ? 1 : 0);
}
