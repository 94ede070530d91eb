import { sequenceIn } from './der-view.js';

/** A GeneralName: its tag, and the octets that it is made of. (RFC 5280 §4.2.1.6) */
export interface GeneralName {
  readonly tag: number;
  readonly content: Buffer;
}

/** `none` is for a name that cannot be held against constraints. */
export const NameTag = { none: 0, email: 0x81, dns: 0x82, directory: 0xa4, uri: 0x86, ip: 0x87 } as const;

const LABELS: Readonly<Record<number, string>> = {
  [NameTag.email]: 'email:',
  [NameTag.dns]: 'DNS:',
  [NameTag.uri]: 'URI:',
  [NameTag.ip]: 'IP:',
};

/** How many names, and how many octets of each, stand in a message. */
const MAX_TOLD = 10;
const MAX_TOLD_OCTETS = 200;

/**
 * The names of a SubjectAltName; `undefined` when one is not as it should be: text of other than ASCII, an IP address of another
 * size. Go does not parse a certificate with such a name.
 */
export function readGeneralNames(value: Buffer): GeneralName[] | undefined {
  const names = sequenceIn(value)?.map(({ tag, content }) => ({ tag, content }));
  return names?.every(isWellFormed) ? names : undefined;
}

function isWellFormed({ tag, content }: GeneralName): boolean {
  if ((tag & 0xc0) !== 0x80) return false;
  if (tag === NameTag.email || tag === NameTag.dns || tag === NameTag.uri)
    return content.every((octet) => octet < 0x80);
  return tag !== NameTag.ip || content.length === 4 || content.length === 16;
}

/** The names as people read them: `URI:spiffe://a/b, DNS:c`. */
export function namesText(names: readonly GeneralName[]): string {
  const told = names.slice(0, MAX_TOLD).map(nameText);
  return [...told, ...(names.length > MAX_TOLD ? [`and ${names.length - MAX_TOLD} more`] : [])].join(', ');
}

export function nameText({ tag, content }: GeneralName): string {
  const label = LABELS[tag];
  if (label === undefined) return 'a name of another kind';
  return `${label}${tag === NameTag.ip ? ipText(content) : printable(content)}`;
}

/** An address in decimal, or in hex by pairs of octets. */
function ipText(octets: Buffer): string {
  if (octets.length === 4) return [...octets].join('.');
  return (octets.toString('hex').match(/.{4}/g) ?? []).join(':');
}

/** What may stand in a log line of text from outside. */
export function printable(octets: Buffer): string {
  const told = [...octets.subarray(0, MAX_TOLD_OCTETS)];
  return told
    .map((octet) => (octet >= 0x20 && octet < 0x7f && octet !== 0x22 ? String.fromCharCode(octet) : '?'))
    .join('');
}
