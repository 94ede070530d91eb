import { ISTIO_INJECT, ISTIO_STATUS } from './names.js';
import type { Pod } from './pod.js';
import { gotExpected } from './pod-shape.js';

/** Why a pod is left as it is, if it is, and what of it is no answer. */
export interface SkipDecision {
  readonly reason: string | undefined;
  readonly warnings: readonly string[];
}

/** As Istio decides: the host's network never, the label before the annotation, another word is no answer. */
export function decideToSkip(pod: Pod): SkipDecision {
  const { metadata, spec } = pod;
  if (spec.hostNetwork === true) return skip('hostNetwork is true: its traffic is that of the node');
  if (spec.os?.name && spec.os.name !== 'linux') return skip(`os.name is ${spec.os.name}: sidecars are for linux`);
  if (metadata?.annotations?.[ISTIO_STATUS] !== undefined) {
    return skip(`injected by Istio already: it has the annotation ${ISTIO_STATUS}`);
  }
  const warnings: string[] = [];
  for (const where of ['labels', 'annotations'] as const) {
    const answer = metadata?.[where]?.[ISTIO_INJECT];
    if (answer === 'true') break;
    if (answer === 'false') return { reason: `the ${where.slice(0, -1)} ${ISTIO_INJECT} is false`, warnings };
    if (answer === undefined) continue;
    const field = `metadata.${where}[${JSON.stringify(ISTIO_INJECT)}]`;
    warnings.push(`${field}: ${gotExpected(answer, 'true or false')}; it is ignored`);
  }
  return { reason: undefined, warnings };
}

function skip(reason: string): SkipDecision {
  return { reason, warnings: [] };
}
