import type { CitadelConfig } from '../../config/index.js';

/** DNS names that an authority must be able to issue: those of Citadel itself, and of the policy that flags give. */
export function namesToIssue({ serverNames, dnsNames }: CitadelConfig): string[] {
  return [...serverNames, ...dnsNames.map(({ dnsName }) => dnsName)];
}
