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

/** The whole name has to fit. */
function regexTest(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern.length > MAX_PATTERN_CHARS) return undefined;
  try {
    const regex = new RegExp(`^(?:${pattern})$`);
    return (text) => regex.test(text);
  } catch {
    return undefined;
  }
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
