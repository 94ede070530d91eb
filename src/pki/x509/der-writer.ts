import { DerTag } from './der-view.js';

/**
 * Writes DER (X.690 §10): each function returns one whole element, and elements nest by passing them on. It writes
 * only what it is told; its caller is responsible for the ASN.1 type around it.
 */

const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

/** One element: tag, shortest length form (X.690 §10.1), content. */
export function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.from([tag, ...lengthOctets(length)]);
  return Buffer.concat([header, ...content], header.length + length);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

export function sequence(...elements: readonly Buffer[]): Buffer {
  return element(DerTag.sequence, ...elements);
}

/** A SET OF with one element: the only kind we write, so there is nothing to sort. (X.690 §11.6) */
export function setOfOne(only: Buffer): Buffer {
  return element(DerTag.set, only);
}

/** `[number]` around whole elements: EXPLICIT tagging, or IMPLICIT over a constructed type. */
export function contextConstructed(number: number, ...elements: readonly Buffer[]): Buffer {
  return element(CONTEXT | CONSTRUCTED | number, ...elements);
}

/** `[number] IMPLICIT` over a primitive type, whose content octets are given. */
export function contextPrimitive(number: number, content: Buffer): Buffer {
  return element(CONTEXT | number, content);
}

/** An INTEGER from the big-endian octets of a number that is not negative: shortest form. (X.690 §8.3) */
export function unsignedInteger(magnitude: Buffer): Buffer {
  const first = magnitude.findIndex((octet) => octet !== 0);
  if (first < 0) return element(DerTag.integer, Buffer.from([0]));
  const shortest = magnitude.subarray(first);
  const signOctet = shortest.readUInt8(0) >= 0x80 ? [0] : [];
  return element(DerTag.integer, Buffer.from(signOctet), shortest);
}

/** DER's TRUE is 0xff alone. (X.690 §11.1) */
export function booleanTrue(): Buffer {
  return element(DerTag.boolean, Buffer.from([0xff]));
}

export function nothing(): Buffer {
  return element(DerTag.null);
}

/** A BIT STRING of whole octets, or with the given count of unused low bits in its last one. (X.690 §8.6) */
export function bitString(octets: Buffer, unusedBits = 0): Buffer {
  return element(DerTag.bitString, Buffer.from([unusedBits]), octets);
}

export function octetString(octets: Buffer): Buffer {
  return element(DerTag.octetString, octets);
}

/** The caller vouches for the alphabet of PrintableString. (X.680 §41.4) */
export function printableString(text: string): Buffer {
  return element(DerTag.printableString, Buffer.from(text, 'latin1'));
}

export function utf8String(text: string): Buffer {
  return element(DerTag.utf8String, Buffer.from(text, 'utf8'));
}

/** An OBJECT IDENTIFIER from its dotted form. (X.690 §8.19) */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(DerTag.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 | (rest % 128));
  return octets;
}

/** UTCTime from 1950 to 2049, GeneralizedTime else; whole seconds, fractions cut off. (RFC 5280 §4.1.2.5) */
export function time(epochMs: number): Buffer {
  const iso = new Date(epochMs).toISOString();
  const year = Number(iso.slice(0, -20));
  const digits = `${iso.slice(0, -5).replace(/\D/g, '')}Z`;
  return year >= 1950 && year <= 2049
    ? element(DerTag.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : element(DerTag.generalizedTime, Buffer.from(digits, 'latin1'));
}
