import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';
import { type FlagTerms, type IssuingTerms, TERM_NAMES, type TermName, type TermValues } from './issuing-terms.js';
import type { NamePattern } from './name-pattern.js';

/** Some terms, and whose they are. */
export interface PolicyRule {
  /** As messages and the log name it: `rules[2] (payments)`. */
  readonly name: string;
  readonly namespace: NamePattern;
  readonly serviceAccount: NamePattern;
  readonly values: TermValues;
}

/** What a policy file says. */
export interface PolicyRules {
  /** Other names of the trust domain: identities of these are taken for those of the same path in it. */
  readonly trustDomainAliases: readonly TrustDomain[];
  readonly defaults: TermValues;
  /** In the order of the file. */
  readonly rules: readonly PolicyRule[];
}

const NO_RULES: PolicyRules = { trustDomainAliases: [], defaults: {}, rules: [] };

/** Identities whose terms are remembered: finding them costs a look at each rule. */
const MAX_REMEMBERED = 10_000;

/**
 * Says on which terms an identity gets certificates. Pure. Each term is taken from the most specific rule that has it:
 * the namespace counts before the service account, a whole name before a pattern, a pattern with more characters before
 * one with fewer, and of two that are equal in this the first of the file. What no rule has is taken from the defaults
 * of the file, and else from the flags.
 */
export class IssuingPolicy {
  private readonly rules: readonly PolicyRule[];
  private readonly remembered = new Map<string, IssuingTerms>();

  constructor(
    private readonly flags: FlagTerms,
    private readonly content: PolicyRules = NO_RULES,
  ) {
    this.rules = content.rules.toSorted(
      (one, other) => one.namespace.compare(other.namespace) || one.serviceAccount.compare(other.serviceAccount),
    );
  }

  get ruleCount(): number {
    return this.rules.length;
  }

  get trustDomainAliases(): readonly TrustDomain[] {
    return this.content.trustDomainAliases;
  }

  /** No certificate that is issued by this policy lives for longer. */
  get longestTtlMs(): number {
    const { defaults, rules } = this.content;
    const ofAll = defaults['ttl.max'] ?? this.flags.maxTtlMs;
    return Math.max(ofAll, ...rules.map(({ values }) => values['ttl.max'] ?? 0));
  }

  termsFor(id: SpiffeId): IssuingTerms {
    const { path } = id;
    const known = this.remembered.get(path);
    if (known !== undefined) return known;
    const terms = this.find(id);
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    this.remembered.set(path, terms);
    return terms;
  }

  private find({ path, serviceAccount: account }: SpiffeId): IssuingTerms {
    const matching =
      account === undefined
        ? []
        : this.rules.filter(
            (rule) => rule.namespace.matches(account.namespace) && rule.serviceAccount.matches(account.name),
          );
    const sources: readonly TermSource[] = [...matching, { name: 'defaults', values: this.content.defaults }];
    const found = <N extends TermName>(name: N): Found<N> => {
      const source = sources.find(({ values }) => values[name] !== undefined);
      return source && { value: source.values[name], from: source.name };
    };
    const { flags } = this;
    const ofFlags = flags.dnsNames.get(path) ?? [];
    const dnsNames = found('dnsNames');
    return {
      ttl: {
        defaultTtlMs: found('ttl.default')?.value ?? flags.defaultTtlMs,
        minTtlMs: found('ttl.min')?.value,
        maxTtlMs: found('ttl.max')?.value ?? flags.maxTtlMs,
        outside: found('ttl.outside')?.value ?? 'refuse',
      },
      keyTypes: found('keyTypes')?.value,
      dnsNames: [...new Set([...ofFlags, ...(dnsNames?.value ?? [])])],
      csr: found('csr')?.value ?? 'any',
      bindsToToken: found('bindToToken')?.value ?? flags.bindsToToken,
      from: Object.fromEntries(
        TERM_NAMES.map((name) => [name, found(name)?.from ?? FLAGS[name]]),
      ) as IssuingTerms['from'],
    };
  }
}

type TermSource = Pick<PolicyRule, 'name' | 'values'>;

type Found<N extends TermName> = { readonly value: TermValues[N]; readonly from: string } | undefined;

/** Where a term is from that no file has. */
const FLAGS: Readonly<Record<TermName, string>> = {
  'ttl.default': '--default-ttl',
  'ttl.min': 'no rule',
  'ttl.max': '--max-ttl',
  'ttl.outside': 'no rule',
  keyTypes: 'no rule',
  dnsNames: '--dns-name',
  csr: 'no rule',
  bindToToken: '--bind-to-token',
};
