import { decideValidity } from '../../citadel/authority/index.js';
import {
  aliasUris,
  checkCsrContent,
  IssuingPolicy,
  type IssuingTerms,
  MAX_POLICY_BYTES,
  readPolicyBytes,
  TERM_NAMES,
  type TermName,
} from '../../citadel/policy/index.js';
import type { PolicyCheckConfig, PolicyTestConfig } from '../../config/index.js';
import { IdentityError, messageOf } from '../../errors/index.js';
import { parseServiceAccountToken, serviceAccountOf, type TokenClaims } from '../../pki/service-account/index.js';
import { SpiffeId } from '../../pki/spiffe/index.js';
import { readSmallFile } from '../../system/small-files/index.js';
import { flagTerms } from './policy.js';

/** What is found in a policy file. */
export interface PolicyCheck {
  readonly rules: number;
  readonly problems: readonly string[];
}

/** @throws IdentityError `ERR_POLICY_INVALID`: it cannot be read. */
export async function checkPolicyFile(config: PolicyCheckConfig): Promise<PolicyCheck> {
  const read = await readRules(config);
  return read.kind === 'ok' ? { rules: read.rules.rules.length, problems: [] } : { rules: 0, problems: read.problems };
}

/** What the holder of a token would get. */
export interface PolicyTest {
  /** For people: each term with its rule, and the verdict last. */
  readonly lines: readonly string[];
  readonly isIssued: boolean;
}

/**
 * Holds a token, and a CSR where there is one, against a policy file. Nothing is verified: neither the signature of the
 * token, nor that of the CSR.
 * @throws IdentityError `ERR_POLICY_INVALID`, `ERR_TOKEN_*`; `ERR_CSR_INVALID`: its file cannot be read.
 */
export async function testPolicyFile(config: PolicyTestConfig, token: Buffer, nowMs: number): Promise<PolicyTest> {
  const read = await readRules(config);
  if (read.kind === 'invalid') {
    throw new IdentityError('ERR_POLICY_INVALID', `policy ${config.policyFile}: ${read.problems.join('; ')}`);
  }
  // Whether it has expired is told beside the rest.
  const claims = parseServiceAccountToken(token, Number.NEGATIVE_INFINITY);
  const { namespace, serviceAccount } = serviceAccountOf(claims);
  const policy = new IssuingPolicy(flagTerms(config), read.rules);
  const spiffeId = SpiffeId.forServiceAccount(config.trustDomain, namespace, serviceAccount);
  const terms = policy.termsFor(spiffeId);
  const verdicts = await verdictsOf(config, terms, { spiffeId, claims, nowMs, aliases: policy.trustDomainAliases });
  const isIssued = verdicts.every(({ isGood }) => isGood);
  return {
    isIssued,
    lines: [
      row('identity', spiffeId.toString(), 'of the token'),
      ...TERM_NAMES.map((name) => row(name, shownTerm(terms, name), terms.from[name])),
      ...verdicts.map(({ text }) => text),
      isIssued ? 'a certificate would be issued' : 'no certificate would be issued',
    ],
  };
}

function readRules({ policyFile, trustDomain, serverNames }: PolicyCheckConfig) {
  const limits = { what: `policy ${policyFile}`, code: 'ERR_POLICY_INVALID', maxBytes: MAX_POLICY_BYTES } as const;
  return readSmallFile(policyFile, limits).then(({ content }) =>
    readPolicyBytes(content, { trustDomain, serverNames }),
  );
}

/** More than any CSR; what is longer is refused by its reader. */
const MAX_CSR_FILE_BYTES = 64 * 1024;

interface Verdict {
  readonly text: string;
  readonly isGood: boolean;
}

interface Tested {
  readonly spiffeId: SpiffeId;
  readonly claims: TokenClaims;
  readonly nowMs: number;
  readonly aliases: IssuingPolicy['trustDomainAliases'];
}

async function verdictsOf(
  { ttlMs, csrFile }: PolicyTestConfig,
  terms: IssuingTerms,
  { spiffeId, claims, nowMs, aliases }: Tested,
): Promise<readonly Verdict[]> {
  const { expiresAtMs = Number.POSITIVE_INFINITY } = claims;
  const expired = { text: `token: has expired at ${new Date(expiresAtMs).toISOString()}`, isGood: false };
  const life = judged('life', () => {
    const endMs = terms.bindsToToken ? expiresAtMs : Number.POSITIVE_INFINITY;
    const validity = decideValidity((ttlMs ?? 0) / 1000, terms.ttl, Math.min(endMs, LAST_MS), nowMs);
    return `${validity.ttlMs / 1000} s`;
  });
  const verdicts = [...(expiresAtMs <= nowMs ? [expired] : []), life];
  if (csrFile === undefined) return verdicts;
  const limits = { what: `CSR ${csrFile}`, code: 'ERR_CSR_INVALID', maxBytes: MAX_CSR_FILE_BYTES } as const;
  const { content } = await readSmallFile(csrFile, limits);
  const uris = [spiffeId.toString(), ...aliasUris(spiffeId, aliases)];
  return [
    ...verdicts,
    judged('CSR', () => {
      checkCsrContent(content, terms, { uris, dnsNames: terms.dnsNames });
      return 'accepted';
    }),
  ];
}

/** The last moment that a certificate can name. (RFC 5280 §4.1.2.5) */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

function judged(what: string, judge: () => string): Verdict {
  try {
    return { text: `${what}: ${judge()}`, isGood: true };
  } catch (error) {
    return { text: `${what}: refused: ${messageOf(error)}`, isGood: false };
  }
}

const NAME_COLUMN = 14;
const VALUE_COLUMN = 28;

function row(name: string, value: string, from: string): string {
  return `${name.padEnd(NAME_COLUMN)}${value.padEnd(VALUE_COLUMN)}  ${from}`;
}

function shownTerm({ ttl, keyTypes, dnsNames, csr, bindsToToken }: IssuingTerms, name: TermName): string {
  const seconds = (milliseconds: number | undefined): string =>
    milliseconds === undefined ? 'none' : `${milliseconds / 1000} s`;
  switch (name) {
    case 'ttl.default':
      return seconds(ttl.defaultTtlMs);
    case 'ttl.min':
      return seconds(ttl.minTtlMs);
    case 'ttl.max':
      return seconds(ttl.maxTtlMs);
    case 'ttl.outside':
      return ttl.outside;
    case 'keyTypes':
      return keyTypes?.join(', ') ?? 'any';
    case 'dnsNames':
      return dnsNames.length === 0 ? 'none' : dnsNames.join(', ');
    case 'csr':
      return csr;
    case 'bindToToken':
      return String(bindsToToken);
    default:
      return name satisfies never;
  }
}
