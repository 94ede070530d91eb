import type { CertificateFacts } from './certificate-facts.js';
import { missingUsage } from './extensions.js';
import { KEY_USAGE, NETSCAPE_TYPE } from './known-values.js';
import { violation } from './name-constraints.js';
import { isoTime, type Problem } from './problem.js';

/**
 * Why peers refuse this certificate as that of a workload, from any issuer: `undefined` when they do not. OpenSSL and
 * BoringSSL take no anyExtendedKeyUsage for the two that are needed. (X509-SVID §4; RFC 5280 §4.2.1.12)
 */
export function leafProblem(leaf: CertificateFacts): Problem | undefined {
  const { keyUsage, netscapeType } = leaf;
  if (leaf.isCa) return { got: 'a CA certificate', expected: 'basicConstraints CA:FALSE' };
  if (keyUsage !== undefined && (keyUsage & KEY_USAGE.digitalSignature) === 0) {
    return { got: 'a key usage without digitalSignature', expected: 'digitalSignature', fault: 'key-usage' };
  }
  if (keyUsage !== undefined && (keyUsage & (KEY_USAGE.keyCertSign | KEY_USAGE.crlSign)) !== 0) {
    return { got: 'a key usage with keyCertSign or cRLSign', expected: 'neither', fault: 'key-usage' };
  }
  const isOfOtherType =
    netscapeType !== undefined && (~netscapeType & (NETSCAPE_TYPE.client | NETSCAPE_TYPE.server)) !== 0;
  if (isOfOtherType)
    return { got: 'a Netscape certificate type for one side alone', expected: 'client and server, or none' };
  return usageProblem(leaf) ?? criticalProblem(leaf);
}

function usageProblem({ extendedKeyUsage }: CertificateFacts): Problem | undefined {
  const missing = missingUsage(extendedKeyUsage);
  if (missing === undefined) return undefined;
  return {
    got: `an extended key usage without ${missing}`,
    expected: 'serverAuth and clientAuth, or none',
    fault: 'extended-key-usage',
  };
}

function criticalProblem({ unknownCritical }: CertificateFacts): Problem | undefined {
  if (unknownCritical === undefined) return undefined;
  return {
    got: `the critical extension ${unknownCritical}`,
    expected: 'none that peers do not know',
    fault: 'critical-extension',
  };
}

/** What stands below an issuer in a path. */
export interface Below {
  /** What the leaf is, or will be. */
  readonly leaf: Pick<CertificateFacts, 'constrainedNames' | 'hasPolicies'> | undefined;
  /** CAs, from below to above. */
  readonly issuers: readonly CertificateFacts[];
}

/**
 * Why peers do not take `issuer` above what is below it, at `nowMs`; whether it has signed that is another question.
 */
export function issuerProblem(issuer: CertificateFacts, below: Below, nowMs: number): Problem | undefined {
  return ownProblem(issuer, nowMs) ?? pathLengthProblem(issuer, below) ?? nameProblem(issuer, below);
}

/** Why it is the certificate of no CA. (RFC 5280 §4.2.1.3, §4.2.1.9) */
export function caProblem({ isCa, keyUsage }: CertificateFacts): Problem | undefined {
  if (!isCa) return { got: 'no CA certificate', expected: 'basicConstraints CA:TRUE', fault: 'no-ca' };
  if (keyUsage !== undefined && (keyUsage & KEY_USAGE.keyCertSign) === 0) {
    return { got: 'a key usage without keyCertSign', expected: 'keyCertSign', fault: 'key-usage' };
  }
  return undefined;
}

function ownProblem(issuer: CertificateFacts, nowMs: number): Problem | undefined {
  const { notBeforeMs, notAfterMs } = issuer;
  const problem = caProblem(issuer);
  if (problem !== undefined) return problem;
  if (nowMs > notAfterMs)
    return {
      got: `an expired certificate, notAfter ${isoTime(notAfterMs)}`,
      expected: 'a valid one',
      fault: 'expired',
    };
  if (nowMs < notBeforeMs) {
    return {
      got: `a certificate that is not yet valid, notBefore ${isoTime(notBeforeMs)}`,
      expected: 'a valid one',
      fault: 'not-yet-valid',
    };
  }
  return usageProblem(issuer) ?? criticalProblem(issuer) ?? weakKey(issuer);
}

function weakKey({ keyProblem }: CertificateFacts): Problem | undefined {
  return keyProblem && { ...keyProblem, fault: 'weak-key' };
}

/** RFC 5280 §4.2.1.9; Go counts self-issued certificates, too. */
function pathLengthProblem({ pathLength }: CertificateFacts, { issuers }: Below): Problem | undefined {
  const count = issuers.length;
  if (pathLength === undefined || count <= pathLength) return undefined;
  return { got: `pathlen ${pathLength} above ${count} CAs`, expected: 'at least so many', fault: 'path-length' };
}

function nameProblem({ constraints }: CertificateFacts, { leaf, issuers }: Below): Problem | undefined {
  if (constraints === undefined) return undefined;
  const held = [...(leaf === undefined ? [] : [leaf]), ...counted(issuers)];
  const found = held
    .map(({ constrainedNames }) => violation(constraints, constrainedNames))
    .find((one) => one !== undefined);
  return found === undefined
    ? undefined
    : { got: `name constraints: ${found}`, expected: 'names that they permit', fault: 'name-constraints' };
}

/**
 * Of all that is below the anchor. An issuer may demand that there be a policy from so many certificates below it on,
 * which then must go through the whole path; we do not compare policies, and take their presence for enough. (RFC 5280
 * §6.1.3 f)
 */
export function policyProblem({ leaf, issuers }: Below): Problem | undefined {
  if (leaf === undefined) return undefined;
  const isNeeded = issuers.some(({ policyNeededAfter }, index) => {
    return policyNeededAfter !== undefined && policyNeededAfter <= counted(issuers.slice(0, index)).length + 1;
  });
  if (!isNeeded || [leaf, ...issuers].every(({ hasPolicies }) => hasPolicies)) return undefined;
  return {
    got: 'below it policyConstraints with requireExplicitPolicy',
    expected: 'certificatePolicies in all below it',
    fault: 'policy',
  };
}

/** Self-issued certificates do not count for names and policies. (RFC 5280 §6.1.3 b, §6.1.4 h) */
function counted(issuers: readonly CertificateFacts[]): readonly CertificateFacts[] {
  return issuers.filter(({ isSelfIssued }) => !isSelfIssued);
}
