import type { PolicyFile, PolicyFileOptions } from './policy-file.js';
import type { PolicyContext, ReadPolicy } from './read-policy.js';

/** See {@link PolicyFile.open}. Loads the reader of YAML, which a Citadel without a policy does without. */
export async function openPolicyFile(options: PolicyFileOptions): Promise<PolicyFile> {
  const policyFile = await import('./policy-file.js');
  return policyFile.PolicyFile.open(options);
}

/**
 * What the bytes of a policy say, or all that is wrong with them.
 */
export async function readPolicyBytes(content: Buffer, context: PolicyContext): Promise<ReadPolicy> {
  const policyFile = await import('./policy-file.js');
  return policyFile.parsePolicy(content, context);
}
