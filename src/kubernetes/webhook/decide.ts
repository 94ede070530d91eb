import type { InjectSettings } from '../../config/index.js';
import { clipped } from '../../text/index.js';
import { injectPod, jsonPatch, type PatchOperation } from '../inject/index.js';
import { type AdmissionRequest, podName } from './admission-review.js';
import { tooLarge } from './too-large.js';

/** What is answered to a request. */
export type Decision =
  | { readonly kind: 'injected'; readonly patch: readonly PatchOperation[]; readonly warnings: readonly string[] }
  /** It stays as it is. */
  | { readonly kind: 'skipped'; readonly reason: string; readonly warnings: readonly string[] }
  /** The pod is not to be made. */
  | { readonly kind: 'denied'; readonly message: string };

export interface DecisionRules {
  readonly settings: InjectSettings;
  /** Stands in the annotation of injected pods. */
  readonly version: string;
  /** Of the injector itself: what it needs to run must not need it. */
  readonly ownNamespace: string;
  /** What becomes of a pod that cannot be injected: one with a wrong annotation, say. */
  readonly onBadPod: 'deny' | 'skip';
}

/** What a cluster itself needs to run; as in Istio. */
const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

/** Problems that stand in a message. */
const MAX_TOLD = 8;

/** A message travels through events and terminals. */
const MAX_MESSAGE_CHARS = 2000;

/**
 * Decides about one pod, by the same function as `kube-inject`. Pure. Which namespaces and pods are asked about at all
 * is in the webhook configuration.
 */
export function decide(
  request: AdmissionRequest,
  { settings, version, ownNamespace, onBadPod }: DecisionRules,
): Decision {
  const { isPodCreation, namespace, object } = request;
  if (!isPodCreation) return { kind: 'skipped', reason: 'no pod is created', warnings: [] };
  if (namespace === ownNamespace || SYSTEM_NAMESPACES.has(namespace)) {
    return { kind: 'skipped', reason: `pods of namespace ${namespace} are never injected`, warnings: [] };
  }
  const excess = tooLarge(object);
  if (excess !== undefined) return badPod(request, excess, onBadPod);
  const result = injectPod(object, settings, version);
  switch (result.kind) {
    case 'changed':
      return { kind: 'injected', patch: jsonPatch(object, result.pod), warnings: result.warnings };
    case 'skipped':
      return result;
    case 'invalid': {
      const told = result.problems.slice(0, MAX_TOLD).map(({ field, text }) => `${field}: ${text}`);
      const more = result.problems.length - told.length;
      return badPod(request, [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; '), onBadPod);
    }
    default:
      return result satisfies never;
  }
}

function badPod(request: AdmissionRequest, problems: string, onBadPod: DecisionRules['onBadPod']): Decision {
  if (onBadPod === 'deny') {
    return { kind: 'denied', message: clipped(`pod ${podName(request)}: ${problems}`, MAX_MESSAGE_CHARS) };
  }
  const reason = clipped(`it cannot be injected: ${problems}`, MAX_MESSAGE_CHARS);
  return { kind: 'skipped', reason, warnings: [`not injected: ${problems}`] };
}
