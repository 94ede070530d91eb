import { DerTag, type DerView } from './der-view.js';

/** A certificate is 7 elements deep; the same limits as in native/der.cc. */
const MAX_DEPTH = 16;
const MAX_ELEMENTS = 2000;

const CLASS_BITS = 0xc0;
const NUMBER_BITS = 0x1f;

/**
 * OBJECT DESCRIPTOR, EXTERNAL, EMBEDDED PDV, SEQUENCE, SET: of the universal types these alone are constructed. (X.690
 * §10.2)
 */
const CONSTRUCTED_TYPES: ReadonlySet<number> = new Set([7, 8, 11, 16, 17]);

/** End-of-contents, a reserved number, and SEQUENCE and SET without the constructed bit. (X.690 §8) */
const UNFIT_PRIMITIVES: ReadonlySet<number> = new Set([0x00, 0x0f, 0x10, 0x11]);

/** YYYYMMDDHHMMSSZ (RFC 5280 §4.1.2.5.2) */
const WHOLE_SECOND = /^\d{14}Z$/;

/**
 * Whether all within an element of an untrusted peer is DER, down to the primitive ones: no constructed strings, and
 * octets that fit their type. Of such an element each constructed part has `parts`. (The same as isStrictDer in
 * native/der.cc)
 */
export function isStrictDer(element: DerView): boolean {
  return countStrict(element, 0, MAX_ELEMENTS) >= 0;
}

/** How many of `left` elements are left behind this one; negative when it is not strict, or they do not suffice. */
function countStrict(element: DerView, depth: number, left: number): number {
  if (depth > MAX_DEPTH || left === 0) return -1;
  if (!element.isConstructed) return isPlausible(element) ? left - 1 : -1;
  const isUniversal = (element.tag & CLASS_BITS) === 0;
  const parts = !isUniversal || CONSTRUCTED_TYPES.has(element.tag & NUMBER_BITS) ? element.parts : undefined;
  let rest = parts === undefined ? -1 : left - 1;
  for (const part of parts ?? []) {
    if (rest < 0) break;
    rest = countStrict(part, depth + 1, rest);
  }
  return rest;
}

/** Whether the content of a primitive element can be one of its universal type. */
function isPlausible(element: DerView): boolean {
  if (UNFIT_PRIMITIVES.has(element.tag)) return false;
  switch (element.tag) {
    case DerTag.bitString:
      return (element.content[0] ?? 0) <= 7;
    case DerTag.oid:
    case DerTag.relativeOid:
      return (element.content.at(-1) ?? 0) < 0x80;
    case DerTag.generalizedTime:
      return WHOLE_SECOND.test(element.content.toString('latin1'));
    case DerTag.universalString:
      return element.content.length % 4 === 0;
    case DerTag.bmpString:
      return element.content.length % 2 === 0;
    default:
      return true;
  }
}
