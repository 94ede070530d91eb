import { TrustDomain } from '../../pki/spiffe/index.js';
import { KEY_TYPES, type KeyType } from '../../pki/x509/index.js';
import { clipped, nearest, parseDurationMs } from '../../text/index.js';
import type { PolicyRule, PolicyRules } from './issuing-policy.js';
import type { TermValues } from './issuing-terms.js';
import { NamePattern } from './name-pattern.js';

/** What a policy is held against. */
export interface PolicyContext {
  readonly trustDomain: TrustDomain;
  /** Names of Citadel itself: their holder could pass itself off as the CA. */
  readonly serverNames: readonly string[];
  /** Why the signing certificate may not issue a leaf with this DNS name. */
  readonly dnsNameProblem?: (dnsName: string) => string | undefined;
}

export type ReadPolicy =
  | { readonly kind: 'ok'; readonly rules: PolicyRules }
  /** All that is wrong, each as `path: got X, expected Y`. */
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Ten thousand rules of a hundred characters. */
export const MAX_POLICY_BYTES = 1024 * 1024;

/** A certificate of less is renewed all the time. (reference: Istio A45) */
const MIN_TTL_MS = 5000;

/** As of all durations that can be set: a hundred years. */
const MAX_TTL_MS = 876_000 * 3_600_000;

/** A leaf with more names has another problem. */
const MAX_DNS_NAMES = 32;

/** Of a policy that a person can read, and that is looked through for each new identity. */
const MAX_RULES = 10_000;

const MAX_SHOWN_CHARS = 120;

/** Names of Kubernetes, and patterns of them. */
const NAME_PATTERN = /^[a-z0-9*]([a-z0-9.*-]{0,251}[a-z0-9*])?$/;

/** Labels of RFC 1123 §2.1; no wildcard, and not what looks like an address. */
const DNS_NAME =
  /^(?=.{1,253}$)(?!(?:.*\.)?\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

const TERM_KEYS = ['ttl', 'keyTypes', 'dnsNames', 'csr', 'bindToToken'] as const;

/**
 * Reads the value of a policy file, as YAML or JSON has it. Strict: an unknown key, another type and a value out of
 * range are problems, and all of them are told at once. Pure.
 */
export function readPolicy(document: unknown, context: PolicyContext): ReadPolicy {
  const reader = new PolicyReader(context);
  const rules = reader.policy(document);
  return reader.problems.length > 0 ? { kind: 'invalid', problems: reader.problems } : { kind: 'ok', rules };
}

type Members = Readonly<Record<string, unknown>>;

class PolicyReader {
  readonly problems: string[] = [];

  constructor(private readonly context: PolicyContext) {}

  policy(document: unknown): PolicyRules {
    const top = this.members('policy', document, ['trustDomain', 'trustDomainAliases', 'defaults', 'rules']);
    this.checkTrustDomain(top.trustDomain);
    const aliases = this.list('trustDomainAliases', top.trustDomainAliases, (where, value) => this.alias(where, value));
    const defaults = top.defaults === undefined ? {} : this.members('defaults', top.defaults, TERM_KEYS);
    const rules = this.list('rules', top.rules, (where, value) => this.rule(where, value), MAX_RULES);
    this.checkDistinct(rules);
    if (defaults.dnsNames !== undefined) {
      this.refuse('defaults.dnsNames', 'a value', 'none: a DNS name belongs to one service account');
    }
    return {
      trustDomainAliases: aliases,
      defaults: this.terms('defaults', { ...defaults, dnsNames: undefined }),
      rules,
    };
  }

  private rule(where: string, value: unknown): PolicyRule {
    const members = this.members(where, value, ['name', 'namespace', 'serviceAccount', ...TERM_KEYS]);
    const name = members.name === undefined ? undefined : this.name(`${where}.name`, members.name);
    if (members.namespace === undefined) {
      this.refuse(`${where}.namespace`, 'nothing', 'a namespace, or a pattern of some such as "team-*"');
    }
    const namespace = this.pattern(`${where}.namespace`, members.namespace);
    const serviceAccount = this.pattern(`${where}.serviceAccount`, members.serviceAccount ?? '*');
    if (members.dnsNames !== undefined && !(namespace.isExact && serviceAccount.isExact)) {
      const scope = `${namespace.text}/${serviceAccount.text}`;
      this.refuse(`${where}.dnsNames`, `a value for ${scope}`, 'one whole namespace and service account, without *');
    }
    if (TERM_KEYS.every((key) => members[key] === undefined)) {
      this.refuse(where, 'a rule that sets nothing', `one of ${TERM_KEYS.join(', ')}`);
    }
    const values = this.terms(where, members);
    return { name: name === undefined ? where : `${where} (${name})`, namespace, serviceAccount, values };
  }

  private terms(where: string, members: Members): TermValues {
    const ttl = members.ttl === undefined ? {} : this.members(`${where}.ttl`, members.ttl, TTL_KEYS);
    const { keyTypes, dnsNames, csr, bindToToken } = members;
    const at = (key: string): string => `${where}.${key}`;
    const values = {
      'ttl.default': this.optional(ttl.default, (value) => this.duration(at('ttl.default'), value)),
      'ttl.min': this.optional(ttl.min, (value) => this.duration(at('ttl.min'), value)),
      'ttl.max': this.optional(ttl.max, (value) => this.duration(at('ttl.max'), value)),
      'ttl.outside': this.optional(ttl.outside, (value) => this.oneOf(at('ttl.outside'), value, ['refuse', 'clamp'])),
      keyTypes: this.optional(keyTypes, (value) => this.keyTypes(at('keyTypes'), value)),
      dnsNames: this.optional(dnsNames, (value) => this.dnsNames(at('dnsNames'), value)),
      csr: this.optional(csr, (value) => this.oneOf(at('csr'), value, ['any', 'strict'])),
      bindToToken: this.optional(bindToToken, (value) => this.boolean(at('bindToToken'), value)),
    };
    this.checkOrder(where, values);
    return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  }

  /** Of one place: what comes from several rules is put in order when it is used. */
  private checkOrder(where: string, values: { readonly [K in keyof TermValues]: TermValues[K] | undefined }): void {
    const { 'ttl.min': min, 'ttl.default': byDefault, 'ttl.max': max } = values;
    const check = (key: string, lower: number | undefined, upper: number | undefined, than: string): void => {
      if (lower === undefined || upper === undefined || lower <= upper) return;
      this.refuse(`${where}.${key}`, `${lower / 1000} s`, `at most the ${upper / 1000} s of ${than}`);
    };
    check('ttl.min', min, max, 'ttl.max');
    check('ttl.default', byDefault, max, 'ttl.max');
    check('ttl.min', min, byDefault, 'ttl.default');
  }

  private checkTrustDomain(value: unknown): void {
    const { name } = this.context.trustDomain;
    if (value !== undefined && value !== name) this.refuse('trustDomain', shown(value), `${name}, as --trust-domain`);
  }

  private checkDistinct(rules: readonly PolicyRule[]): void {
    const seen = new Map<string, string>();
    for (const [index, { namespace, serviceAccount }] of rules.entries()) {
      const scope = `${namespace.text}/${serviceAccount.text}`;
      const earlier = seen.get(scope);
      if (earlier === undefined) seen.set(scope, `rules[${index}]`);
      else this.refuse(`rules[${index}]`, `${scope}, as ${earlier} has it`, 'one rule for each of them');
    }
  }

  private alias(where: string, value: unknown): TrustDomain | undefined {
    try {
      if (typeof value === 'string' && value !== this.context.trustDomain.name) return TrustDomain.parse(value);
    } catch {
      // Told below.
    }
    return this.refuse(where, shown(value), `another trust domain than ${this.context.trustDomain.name}`);
  }

  private name(where: string, value: unknown): string | undefined {
    if (typeof value === 'string' && /^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(value)) return value;
    return this.refuse(where, shown(value), 'printable text of at most 64 characters');
  }

  private pattern(where: string, value: unknown): NamePattern {
    if (typeof value === 'string' && NAME_PATTERN.test(value)) return new NamePattern(value);
    const expected = 'a Kubernetes name of a-z, 0-9, "-" and ".", in which * stands for any characters';
    if (value !== undefined) this.refuse(where, shown(value), expected);
    // One of its own, so that nothing else is found wrong because of it.
    return new NamePattern(where);
  }

  private duration(where: string, value: unknown): number | undefined {
    const milliseconds = typeof value === 'string' ? parseDurationMs(value) : undefined;
    if (milliseconds !== undefined && milliseconds >= MIN_TTL_MS && milliseconds <= MAX_TTL_MS) return milliseconds;
    return this.refuse(where, shown(value), 'a duration such as 24h, 1h30m or 90s, from 5s to 876000h');
  }

  private keyTypes(where: string, value: unknown): readonly KeyType[] {
    const types = this.list(where, value, (at, one) => this.oneOf(at, one, KEY_TYPES));
    if (Array.isArray(value) && value.length === 0) this.refuse(where, 'an empty list', 'at least one key type');
    return types;
  }

  private dnsNames(where: string, value: unknown): readonly string[] {
    const own = new Set(this.context.serverNames.map((name) => name.toLowerCase()));
    return this.list(
      where,
      value,
      (at, name) => {
        if (typeof name !== 'string' || !DNS_NAME.test(name)) {
          return this.refuse(at, shown(name), 'a DNS name in small letters, without *');
        }
        if (own.has(name)) return this.refuse(at, shown(name), 'no name of Citadel itself (--server-name)');
        const problem = this.context.dnsNameProblem?.(name);
        if (problem !== undefined) return this.refuse(at, shown(name), `a name that can be issued: ${problem}`);
        return name;
      },
      MAX_DNS_NAMES,
    );
  }

  private boolean(where: string, value: unknown): boolean | undefined {
    return typeof value === 'boolean' ? value : this.refuse(where, shown(value), 'true or false');
  }

  private oneOf<const T extends string>(where: string, value: unknown, known: readonly T[]): T | undefined {
    const found = known.find((one) => one === value);
    return found ?? this.refuse(where, shown(value), `one of ${known.join(', ')}`);
  }

  private optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
    return value === undefined ? undefined : read(value);
  }

  /** The members of an object; none of what is something else. */
  private members(where: string, value: unknown, keys: readonly string[]): Members {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.refuse(where, shown(value), `a mapping with keys of ${keys.join(', ')}`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (keys.includes(key)) continue;
      const meant = nearest(key, keys);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      this.refuse(
        where === 'policy' ? 'policy' : where,
        `the unknown key ${shown(key)}`,
        `keys of ${keys.join(', ')}${hint}`,
      );
    }
    return value as Members;
  }

  private list<T>(
    where: string,
    value: unknown,
    read: (where: string, value: unknown) => T | undefined,
    max = MAX_RULES,
  ): readonly T[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length > max) {
      const got = Array.isArray(value) ? `${value.length} entries` : shown(value);
      this.refuse(where, got, `a list of at most ${max}`);
      return [];
    }
    return value.flatMap((one: unknown, index) => read(`${where}[${index}]`, one) ?? []);
  }

  private refuse(where: string, got: string, expected: string): undefined {
    this.problems.push(`${where}: got ${got}, expected ${expected}`);
    return undefined;
  }
}

const TTL_KEYS = ['default', 'min', 'max', 'outside'] as const;

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : clipped(JSON.stringify(value) ?? 'nothing', MAX_SHOWN_CHARS);
}
