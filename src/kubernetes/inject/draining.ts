import type { InjectSettings } from '../../config/index.js';
import type { Container, Pod } from './pod.js';

/** How long a pod may take to end, where it does not say it. (Kubernetes, "PodSpec v1 core") */
const DEFAULT_GRACE_SECONDS = 30;

/** For how long a pod goes on answering when it is to end: less than it may take to end. 0: it does not. */
export function drainSecondsOf({ spec }: Pod, { drainSeconds, inbound }: InjectSettings): number {
  if (inbound === 'off') return 0;
  return Math.max(0, Math.min(drainSeconds, (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) - 1));
}

/** An application that ends at once refuses the calls that come until all callers have heard of it. */
export function withPause(container: Container, seconds: number): Container {
  if (seconds === 0 || container.lifecycle?.preStop) return container;
  return { ...container, lifecycle: { ...container.lifecycle, preStop: { sleep: { seconds } } } };
}
