import { isIPv4 } from 'node:net';
import { DerTag, sequenceIn, viewsIn } from './der-view.js';
import { isWithin, readName } from './distinguished-name.js';
import { type GeneralName, NameTag, nameText } from './general-name.js';

/** What the names below a CA must be in, and must not be in. (RFC 5280 §4.2.1.10) */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** A certificate that is held against more than this is hostile. OpenSSL and Go have such bounds, too. */
const MAX_COMPARISONS = 100_000;

/** `undefined` when it is not well formed, or has `minimum` or `maximum`, which verifiers refuse. */
export function readNameConstraints(value: Buffer): NameConstraints | undefined {
  const parts = sequenceIn(value);
  const [first, second, ...more] = parts ?? [];
  if (first === undefined || more.length > 0) return undefined;
  if (first.tag === DerTag.context1 && second === undefined) return constraints([], readSubtrees(first.content));
  if (first.tag !== DerTag.context0) return undefined;
  if (second === undefined) return constraints(readSubtrees(first.content), []);
  return second.tag === DerTag.context1
    ? constraints(readSubtrees(first.content), readSubtrees(second.content))
    : undefined;
}

function constraints(
  permitted?: readonly GeneralName[],
  excluded?: readonly GeneralName[],
): NameConstraints | undefined {
  return permitted && excluded && { permitted, excluded };
}

function readSubtrees(content: Buffer): GeneralName[] | undefined {
  const bases = viewsIn(content)?.map(({ raw }) => {
    const [base, ...more] = sequenceIn(raw) ?? [];
    return base !== undefined && more.length === 0 && isWellFormed(base) ? base : undefined;
  });
  if (!bases?.every((base) => base !== undefined)) return undefined;
  return bases.map(({ tag, content }) => ({ tag, content }));
}

function isWellFormed({ tag, content }: GeneralName): boolean {
  if ((tag & 0xc0) !== 0x80) return false;
  if (tag === NameTag.ip) return (content.length === 8 || content.length === 32) && isMask(content);
  return tag !== NameTag.directory || readName(content) !== undefined;
}

/** The second half is ones, then zeros. */
function isMask(network: Buffer): boolean {
  const bits = [...network.subarray(network.length / 2)].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}

/** Why a name is forbidden: `URI:… is not permitted`; `undefined` when all of them are allowed. */
export function violation({ permitted, excluded }: NameConstraints, names: readonly GeneralName[]): string | undefined {
  if (names.length * (permitted.length + excluded.length) > MAX_COMPARISONS) return 'more names than can be compared';
  for (const name of names) {
    if (name.tag === NameTag.none) return 'a mail address that is no IA5String, not permitted';
    const fitting = permitted.filter(({ tag }) => tag === name.tag);
    if (fitting.length > 0 && !fitting.some((base) => isPermitted(name, base)))
      return `${nameText(name)} not permitted`;
    if (excluded.some((base) => base.tag === name.tag && isExcluded(name, base))) return `${nameText(name)} excluded`;
  }
  return undefined;
}

/**
 * By the narrowest reading among OpenSSL, BoringSSL and Go. A name of a kind that they do not compare is not permitted.
 */
function isPermitted({ tag, content }: GeneralName, { content: base }: GeneralName): boolean {
  switch (tag) {
    case NameTag.uri: {
      const host = hostOf(textOf(content));
      return host !== undefined && base.length > 0 && isHostIn(host, textOf(base));
    }
    case NameTag.dns:
      return isDnsIn(textOf(content), textOf(base));
    case NameTag.email:
      return isEmailIn(content.toString('latin1'), base.toString('latin1'));
    case NameTag.ip:
      return isAddressIn(content, base);
    case NameTag.directory:
      return isNameIn(content, base);
    default:
      return false;
  }
}

/**
 * By the widest reading: Go excludes the hosts below a host, too; a URI or a mail address without a host cannot be
 * compared.
 */
function isExcluded(name: GeneralName, base: GeneralName): boolean {
  switch (name.tag) {
    case NameTag.uri: {
      const host = hostOf(textOf(name.content));
      return host === undefined || isDnsIn(host, textOf(base.content)) || isHostIn(host, textOf(base.content));
    }
    case NameTag.dns:
      return isDnsIn(textOf(name.content), textOf(base.content)) || isWildcardOver(name.content, base.content);
    case NameTag.email: {
      const [text, mail] = [name.content.toString('latin1'), base.content.toString('latin1')];
      const at = text.lastIndexOf('@');
      return at < 0 || isEmailIn(text, mail) || isDnsIn(lowered(text.slice(at + 1)), lowered(mail));
    }
    case NameTag.ip:
    case NameTag.directory:
      return isPermitted(name, base);
    default:
      return true;
  }
}

function textOf(octets: Buffer): string {
  return lowered(octets.toString('latin1'));
}

/** In ASCII alone. */
function lowered(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * The host of `scheme://host:port/…`: `undefined` when there is none, or an address, which no constraint can be held
 * against.
 */
function hostOf(uri: string): string | undefined {
  const [, host] = /^[^:/?#]+:\/\/([^:/?#@[\]]+)(?::\d*)?(?:[/?#]|$)/.exec(uri) ?? [];
  return host === undefined || isIPv4(host) ? undefined : host;
}

/** Of URIs: exactly this host; with a leading period, any host below it. */
function isHostIn(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) && host.length > base.length : host === base;
}

/** The name itself, and what has labels before it. */
function isDnsIn(name: string, base: string): boolean {
  if (base === '' || name === base) return true;
  return (
    name.length > base.length && name.endsWith(base) && (base.startsWith('.') || name.at(-base.length - 1) === '.')
  );
}

/** `*.example.com` covers names that are excluded below example.com. */
function isWildcardOver(name: Buffer, base: Buffer): boolean {
  const text = textOf(name);
  return text.startsWith('*.') && isDnsIn(textOf(base), text.slice(2));
}

/** A mailbox, all of a host, or with a leading period, of the hosts below it. Case counts before the `@` alone. */
function isEmailIn(email: string, base: string): boolean {
  const at = email.lastIndexOf('@');
  const host = lowered(email.slice(at + 1));
  const baseAt = base.lastIndexOf('@');
  if (at < 0) return false;
  if (baseAt < 0) return isHostIn(host, lowered(base));
  return email.slice(0, at) === base.slice(0, baseAt) && host === lowered(base.slice(baseAt + 1));
}

/** `network` is an address and a mask. */
function isAddressIn(address: Buffer, network: Buffer): boolean {
  if (network.length !== 2 * address.length) return false;
  const mask = network.subarray(address.length);
  return address.every((octet, index) => ((octet ^ (network[index] ?? 0)) & (mask[index] ?? 0)) === 0);
}

function isNameIn(name: Buffer, base: Buffer): boolean {
  const [whole, prefix] = [readName(name), readName(base)];
  return whole !== undefined && prefix !== undefined && isWithin(whole, prefix);
}
