import { isIP } from 'node:net';
import { sequenceIn } from './der-view.js';
import { element } from './der-writer.js';

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
 * The names of a SubjectAltName; `undefined` when one is not as it should be: text of other than ASCII, an IP address
 * of another size. Go does not parse a certificate with such a name.
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

/** RFC 1035 §2.3.1 with the underscore of SRV names and a leading wildcard; 253 characters in all. */
const DNS_NAME =
  /^(?=.{1,253}$)(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;

/** The name of a host: an IP address in any of its spellings, or a DNS name; `undefined` for all else. */
export function hostName(text: string): GeneralName | undefined {
  const version = isIP(text);
  if (version === 4) return { tag: NameTag.ip, content: ipv4Octets(text) };
  if (version === 6 && !text.includes('%')) return { tag: NameTag.ip, content: ipv6Octets(text) };
  return DNS_NAME.test(text) ? { tag: NameTag.dns, content: Buffer.from(text, 'latin1') } : undefined;
}

export function uriName(uri: string): GeneralName {
  return { tag: NameTag.uri, content: Buffer.from(uri, 'latin1') };
}

/** The whole GeneralName in DER. */
export function writeGeneralName({ tag, content }: GeneralName): Buffer {
  return element(tag, content);
}

function ipv4Octets(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** 16 octets of an address that `isIP` has accepted. (RFC 4291 §2.2) */
function ipv6Octets(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const [before, after] = [groupOctets(head), groupOctets(tail)];
  const octets = Buffer.alloc(16);
  octets.set(before, 0);
  octets.set(after, 16 - after.length);
  return octets;
}

function groupOctets(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return [...ipv4Octets(group)];
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
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
