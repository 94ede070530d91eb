import { bitsOf, DerTag, type DerView, readDer, sequenceIn, sequenceOf, viewsIn } from './der-view.js';
import { type GeneralName, readGeneralNames } from './general-name.js';
import { EXTENDED_KEY_USAGE, ExtensionOid, MAY_BE_CRITICAL } from './known-values.js';
import { type NameConstraints, readNameConstraints } from './name-constraints.js';
import { isStrictDer } from './strict-der.js';

/** What counts of a certificate's extensions. (RFC 5280 §4.2) */
export interface Extensions {
  /** basicConstraints CA:TRUE. */
  readonly isCa: boolean;
  /** How many CAs may stand below it. */
  readonly pathLength: number | undefined;
  /** The first octet. */
  readonly keyUsage: number | undefined;
  /** Object identifiers, as the hex of their content. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** The first octet. */
  readonly netscapeType: number | undefined;
  readonly names: readonly GeneralName[] | undefined;
  readonly constraints: NameConstraints | undefined;
  readonly hasPolicies: boolean;
  /** After how many certificates a policy is needed: requireExplicitPolicy. */
  readonly policyNeededAfter: number | undefined;
  /** Whether a server has to staple an OCSP response: TLS feature status_request. (RFC 7633) */
  readonly mustStaple: boolean;
  /** The first critical extension that peers do not know, dotted. */
  readonly unknownCritical: string | undefined;
}

export const NO_EXTENSIONS: Extensions = {
  isCa: false,
  pathLength: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  netscapeType: undefined,
  names: undefined,
  constraints: undefined,
  hasPolicies: false,
  policyNeededAfter: undefined,
  mustStaple: false,
  unknownCritical: undefined,
};

/** Nothing is as long as this; a number in four octets is one that both hot paths have. */
const MAX_NUMBER_OCTETS = 4;

/** A `string` says which of them is malformed. */
export function readExtensions(explicit: DerView): Extensions | string {
  const [whole, ...more] = explicit.parts ?? [];
  const list = more.length === 0 ? sequenceOf(whole) : undefined;
  if (list === undefined) return 'extensions that are no DER';
  const seen = new Set<string>();
  const all: { -readonly [K in keyof Extensions]: Extensions[K] } = { ...NO_EXTENSIONS };
  for (const view of list) {
    const extension = readExtension(view);
    if (extension === undefined) return 'extensions that are no DER';
    const { oid, isCritical, value } = extension;
    if (seen.has(oid)) return `the extension ${nameOf(oid)} twice`;
    seen.add(oid);
    const found = READERS[oid]?.(value) ?? (oid in READERS ? undefined : {});
    if (found === undefined) return `the extension ${nameOf(oid)}, malformed`;
    const isUnknown = isCritical && !MAY_BE_CRITICAL.has(oid);
    Object.assign(all, found);
    if (isUnknown) all.unknownCritical ??= dotted(oid);
  }
  return all;
}

/** What is in an `Extension { extnID, critical?, extnValue }`; the OID is the hex of its content. */
export function readExtension(view: DerView): { oid: string; isCritical: boolean; value: Buffer } | undefined {
  const parts = sequenceOf(view) ?? [];
  const [oid, flag] = parts;
  const value = parts.at(-1);
  if (oid?.tag !== DerTag.oid || value?.tag !== DerTag.octetString || parts.length < 2 || parts.length > 3)
    return undefined;
  const hasFlag = parts.length === 3;
  if (hasFlag && (flag?.tag !== DerTag.boolean || flag.content.length !== 1)) return undefined;
  return { oid: oid.content.toString('hex'), isCritical: hasFlag && flag?.content[0] !== 0, value: value.content };
}

/**
 * The value of the one extension with this OID, which is a whole element: `undefined` when there is none, `malformed`
 * when it is there twice, or is no strict DER. (RFC 5280 §4.2)
 */
export function extensionValue(extensions: readonly DerView[], oid: Buffer): DerView | 'malformed' | undefined {
  const [found, ...more] = extensions.map(({ parts }) => parts).filter((parts) => parts?.[0]?.raw.equals(oid));
  if (found === undefined) return undefined;
  // Between the OID and the value there may be `critical`, which does not matter to us.
  const holder = found.at(-1);
  const value = holder?.tag === DerTag.octetString && more.length === 0 ? readDer(holder.content) : undefined;
  return value !== undefined && isStrictDer(value) ? value : 'malformed';
}

const READERS: Readonly<Record<string, (value: Buffer) => Partial<Extensions> | undefined>> = {
  [ExtensionOid.keyUsage]: (value) => given('keyUsage', firstBits(value)),
  [ExtensionOid.netscapeCertificateType]: (value) => given('netscapeType', firstBits(value)),
  [ExtensionOid.extendedKeyUsage]: (value) => given('extendedKeyUsage', readUsages(value)),
  [ExtensionOid.basicConstraints]: readBasicConstraints,
  [ExtensionOid.subjectAltName]: (value) => given('names', readGeneralNames(value)),
  [ExtensionOid.nameConstraints]: (value) => given('constraints', readNameConstraints(value)),
  [ExtensionOid.certificatePolicies]: (value) => (sequenceIn(value) ? { hasPolicies: true } : undefined),
  [ExtensionOid.policyConstraints]: readPolicyConstraints,
  [ExtensionOid.tlsFeature]: (value) => ({ mustStaple: requiresStaple(value) }),
};

function given<K extends keyof Extensions>(name: K, value: Extensions[K] | undefined): Partial<Extensions> | undefined {
  return value === undefined ? undefined : { [name]: value };
}

/** The number of the TLS extension status_request. (RFC 6066 §8) */
const STATUS_REQUEST = 5;

/** Peers pay no heed to one that is malformed. */
function requiresStaple(value: Buffer): boolean {
  return sequenceIn(value)?.some(({ content }) => smallNumber(content) === STATUS_REQUEST) === true;
}

/** The first octet of a BIT STRING, 0 when it has none. */
function firstBits(value: Buffer): number | undefined {
  const [view, ...more] = viewsIn(value) ?? [];
  const bits = more.length === 0 ? bitsOf(view) : undefined;
  return bits && (bits[0] ?? 0);
}

function readUsages(value: Buffer): string[] | undefined {
  const usages = sequenceIn(value);
  if (usages === undefined || usages.length === 0) return undefined;
  const isWellFormed = usages.every(({ tag }) => tag === DerTag.oid);
  return isWellFormed ? usages.map(({ content }) => content.toString('hex')) : undefined;
}

function readBasicConstraints(value: Buffer): Partial<Extensions> | undefined {
  const parts = sequenceIn(value);
  const hasFlag = parts?.[0]?.tag === DerTag.boolean;
  const flag = hasFlag ? parts?.shift()?.content : undefined;
  const [length, ...more] = parts ?? [];
  if (parts === undefined || more.length > 0 || (hasFlag && flag?.length !== 1)) return undefined;
  const isCa = flag !== undefined && flag[0] !== 0;
  if (length === undefined) return { isCa };
  const pathLength = length.tag === DerTag.integer ? smallNumber(length.content) : undefined;
  // Without CA:TRUE a path length means nothing, and verifiers refuse it.
  return pathLength === undefined || !isCa ? undefined : { isCa, pathLength };
}

/** Both are optional, implicit INTEGERs: requireExplicitPolicy [0], inhibitPolicyMapping [1]. (RFC 5280 §4.2.1.11) */
function readPolicyConstraints(value: Buffer): Partial<Extensions> | undefined {
  const parts = sequenceIn(value);
  if (parts === undefined || parts.length === 0) return undefined;
  const needed = parts.find(({ tag }) => tag === 0x80);
  return needed === undefined ? {} : given('policyNeededAfter', smallNumber(needed.content));
}

/** Of a number that is not negative; whatever is larger than four octets is the largest of them. */
function smallNumber(content: Buffer): number | undefined {
  if (content.length === 0 || content.readUInt8(0) >= 0x80) return undefined;
  const start = content.findIndex((octet) => octet !== 0);
  const octets = start < 0 ? Buffer.of(0) : content.subarray(start);
  return octets.length > MAX_NUMBER_OCTETS ? 0xffff_ffff : octets.readUIntBE(0, octets.length);
}

const NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(ExtensionOid).map(([name, oid]) => [oid, name])),
};

function nameOf(oid: string): string {
  return NAMES[oid] ?? dotted(oid);
}

/** `2.5.29.15` from the hex of its content. (X.690 §8.19) */
function dotted(hex: string): string {
  const numbers: number[] = [];
  let number = 0;
  for (const octet of Buffer.from(hex, 'hex')) {
    // Beyond 2^49 it is cut: only a message.
    number = (number % 2 ** 42) * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const arc = Math.min(2, Math.floor(first / 40));
  return [arc, first - 40 * arc, ...rest].join('.');
}

/** Which of the two usages that a mesh needs an extended key usage lacks: `undefined` when none. */
export function missingUsage(usages: readonly string[] | undefined): 'serverAuth' | 'clientAuth' | undefined {
  if (usages === undefined) return undefined;
  const all = ['serverAuth', 'clientAuth'] as const;
  return all.find((name) => !usages.includes(EXTENDED_KEY_USAGE[name]));
}
