import type { KeyType } from '../../pki/x509/index.js';

/** On which terms one identity gets certificates. */
export interface IssuingTerms {
  readonly ttl: {
    /** For a request that asks for none. */
    readonly defaultTtlMs: number;
    /** `undefined`: any life that is of use. */
    readonly minTtlMs: number | undefined;
    readonly maxTtlMs: number;
    /** What becomes of a request for less or more. */
    readonly outside: OutsideTtl;
  };
  /** `undefined`: any that is supported. */
  readonly keyTypes: readonly KeyType[] | undefined;
  /** DNS names that leaves have beside the SPIFFE ID, whatever a CSR says. */
  readonly dnsNames: readonly string[];
  readonly csr: CsrContent;
  /** A leaf ends with the token that it is issued for, at the latest. */
  readonly bindsToToken: boolean;
  /** Where each of them is from: a rule of the policy, its defaults, or a flag. */
  readonly from: Readonly<Record<TermName, string>>;
}

export type OutsideTtl = 'refuse' | 'clamp';

/** `strict`: a CSR may ask for nothing that the leaf will not have. */
export type CsrContent = 'any' | 'strict';

/** The terms by their places in a policy file. */
export const TERM_NAMES = [
  'ttl.default',
  'ttl.min',
  'ttl.max',
  'ttl.outside',
  'keyTypes',
  'dnsNames',
  'csr',
  'bindToToken',
] as const;

export type TermName = (typeof TERM_NAMES)[number];

/** Values of terms, as a rule has some of them, and flags all that are needed. */
export interface TermValues {
  readonly 'ttl.default'?: number;
  readonly 'ttl.min'?: number;
  readonly 'ttl.max'?: number;
  readonly 'ttl.outside'?: OutsideTtl;
  readonly keyTypes?: readonly KeyType[];
  readonly dnsNames?: readonly string[];
  readonly csr?: CsrContent;
  readonly bindToToken?: boolean;
}

/** What holds where no policy says otherwise: the flags of Citadel. */
export interface FlagTerms {
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  readonly bindsToToken: boolean;
  /** By the path of the SPIFFE ID that they are for. They are given beside those of a policy. */
  readonly dnsNames: ReadonlyMap<string, readonly string[]>;
}
