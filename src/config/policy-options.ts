import { CITADEL_OPTIONS } from './citadel-options.js';
import { durationMs, existingFile, path } from './kinds.js';
import { type ConfigOf, optional, required } from './option.js';

const { trustDomain, serverNames, dnsNames, defaultTtlMs, maxTtlMs, bindsToToken } = CITADEL_OPTIONS;

const policyFile = required(existingFile, {
  flag: 'policy',
  description: 'the file, as --policy of Citadel takes it; it may stand without the flag',
});

/** `sidecert policy check`. */
export const POLICY_CHECK_OPTIONS = { policyFile, trustDomain, serverNames };

export type PolicyCheckConfig = ConfigOf<typeof POLICY_CHECK_OPTIONS>;

/** `sidecert policy test`. */
export const POLICY_TEST_OPTIONS = {
  policyFile,
  tokenFile: required(path, {
    flag: 'token',
    description: 'service-account token of which the identity is read, or - for the standard input; it is not verified',
  }),
  csrFile: optional(existingFile, {
    flag: 'csr',
    description: 'certificate request (PEM) to hold against the policy',
  }),
  ttlMs: optional(durationMs, {
    flag: 'ttl',
    description: 'life that is asked for; left out, the request asks for none',
  }),
  trustDomain,
  serverNames,
  dnsNames,
  defaultTtlMs,
  maxTtlMs,
  bindsToToken,
};

export type PolicyTestConfig = ConfigOf<typeof POLICY_TEST_OPTIONS>;
