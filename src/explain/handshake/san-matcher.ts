import { type GeneralName, NameTag } from '../../pki/x509/index.js';
import type { JsonSection } from '../json-section.js';

/** What a name of a certificate has to be. */
export interface SanMatcher {
  /** As Envoy calls the kinds: `URI`, `DNS`, `EMAIL`, `IP_ADDRESS`. */
  readonly type: string;
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
  readonly value: string;
  readonly ignoresCase: boolean;
}

const TAGS: Readonly<Record<string, number>> = {
  URI: NameTag.uri,
  DNS: NameTag.dns,
  EMAIL: NameTag.email,
  IP_ADDRESS: NameTag.ip,
};

/** RE2 has no such patterns that take time without end; ours might, so that long ones are left alone. */
const MAX_PATTERN_CHARS = 500;

/** Whether one of the names fits. `undefined`: it cannot be told. (Envoy, `SubjectAltNameMatcher`) */
export function matchesName(matcher: SanMatcher, names: readonly GeneralName[]): boolean | undefined {
  const tag = TAGS[matcher.type];
  if (tag === undefined || tag === NameTag.ip) return undefined;
  const texts = names.filter((name) => name.tag === tag).map(({ content }) => content.toString('latin1'));
  const test = testOf(matcher);
  return test && texts.some(test);
}

function testOf({ kind, value, ignoresCase }: SanMatcher): ((text: string) => boolean) | undefined {
  const same = (text: string): string => (ignoresCase ? text.toLowerCase() : text);
  const wanted = same(value);
  switch (kind) {
    case 'exact':
      return (text) => same(text) === wanted;
    case 'prefix':
      return (text) => same(text).startsWith(wanted);
    case 'suffix':
      return (text) => same(text).endsWith(wanted);
    case 'contains':
      return (text) => same(text).includes(wanted);
    case 'regex':
      return regexTest(value);
    default:
      return kind satisfies never;
  }
}

/** The whole name has to fit. RE2 has flags at the beginning, which ours has not. */
function regexTest(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern.length > MAX_PATTERN_CHARS) return undefined;
  const [flags = '', own = ''] = /^\(\?(i)\)/.exec(pattern) ?? [];
  try {
    const regex = new RegExp(`^(?:${pattern.slice(flags.length)})$`, own);
    return (text) => regex.test(text);
  } catch {
    return undefined;
  }
}

/** What a name differs in from one that a matcher asks for, where that is little: the eye passes over it. */
export function nearMiss(uris: readonly string[], matchers: readonly SanMatcher[]): string | undefined {
  for (const uri of uris) {
    for (const matcher of matchers) {
      const found = differenceOf(uri, matcher);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const SPIFFE_ID = /^spiffe:\/\/([^/]*)\/ns\/([^/]*)\/sa\/([^/]*)$/;

function differenceOf(uri: string, matcher: SanMatcher): string | undefined {
  const { type, kind, value } = matcher;
  if (type !== 'URI') return `the matcher is for ${type} names, and the SPIFFE ID is a URI: expected san_type URI`;
  if (kind === 'regex') return regexDifference(uri, value);
  const fits = (changed: Partial<SanMatcher>, text = uri): boolean =>
    testOf({ ...matcher, ...changed })?.(text) === true;
  if (fits({ value: value.trim() })) return 'the matcher has blanks around it';
  if (fits({ ignoresCase: true })) return 'they differ in case alone';
  if (value.endsWith('/') && fits({ value: value.replace(/\/+$/, '') })) return 'they differ in a slash at the end';
  if (value.endsWith('*')) return `${kind} takes the * as it is: expected a prefix`;
  const [theirs, wanted] = [SPIFFE_ID.exec(uri), SPIFFE_ID.exec(value)];
  if (theirs === null || wanted === null) return undefined;
  const parts = ['trust domain', 'namespace', 'service account'];
  const [first, ...others] = parts.filter((_part, index) => theirs[index + 1] !== wanted[index + 1]);
  // The last part of a name is what is read first.
  return first === undefined || first === 'service account' || others.length > 0
    ? undefined
    : `they differ in the ${first} alone`;
}

/** A pattern has to fit from the first character to the last. (Envoy, `RegexMatcher`) */
function regexDifference(uri: string, pattern: string): string | undefined {
  const [part, anyCase] = [regexTest(`.*(?:${pattern}).*`), regexTest(`(?i)${pattern}`)];
  if (part?.(uri) === true) return 'the pattern fits a part of the name, and has to fit the whole of it';
  return anyCase?.(uri) === true ? 'they differ in case alone' : undefined;
}

/** `URI exact spiffe://a/b`. */
export function matcherText({ type, kind, value }: SanMatcher): string {
  return `${type} ${kind} ${value}`;
}

/** A `SubjectAltNameMatcher` of Envoy, or a bare `StringMatcher` of its older form. */
export function readMatcher(section: JsonSection): SanMatcher | undefined {
  const matcher = section.section('matcher') ?? section;
  const type = section.text('san_type') ?? 'URI';
  const ignoresCase = matcher.flag('ignore_case') === true;
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = matcher.text(kind);
    if (value !== undefined) return { type, kind, value, ignoresCase };
  }
  const value = matcher.section('safe_regex')?.text('regex');
  return value === undefined ? undefined : { type, kind: 'regex', value, ignoresCase };
}
