import { below, mutated, oneOf, type Random, randomBytes } from '../hostile/conversations.js';

/** One element of DER. What is encoded within an octet or bit string is a part of the tree as well. */
interface DerNode {
  readonly tag: number;
  /** The whole element, as it was read. */
  readonly raw: Buffer;
  /**
   * The content but for the children: the count of unused bits of a bit string that holds DER, or all of a primitive
   * element.
   */
  readonly octets: Buffer;
  /** `undefined` of an element without any. */
  readonly children: readonly DerNode[] | undefined;
}

const CONSTRUCTED = 0x20;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const NOTHING = Buffer.alloc(0);

/** Booleans, integers, strings, times, sequences, sets, and what stands in their place in requests and certificates. */
const TAGS = [1, 2, 3, 4, 5, 6, 10, 12, 19, 22, 23, 24, 0x30, 0x31, 0x80, 0x82, 0x86, 0xa0, 0xa1, 0xa3, 0x24, 0x1f, 0];

/** The elements that fill `bytes`, or `undefined` when it is no DER, as far as it is looked at. */
function elementsOf(bytes: Buffer): DerNode[] | undefined {
  const elements: DerNode[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at + 1];
    const more = first === undefined || first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + more;
    if (first === undefined || more > 3 || first === 0x80 || start > bytes.length) return undefined;
    const end = start + (more === 0 ? first : bytes.readUIntBE(at + 2, more));
    if (end > bytes.length) return undefined;
    elements.push(nodeOf(bytes.subarray(at, end), bytes.subarray(start, end)));
    at = end;
  }
  return elements;
}

function nodeOf(raw: Buffer, content: Buffer): DerNode {
  const tag = raw.readUInt8(0);
  const skipped = tag === BIT_STRING ? 1 : 0;
  const mayNest = (tag & CONSTRUCTED) !== 0 || tag === BIT_STRING || tag === OCTET_STRING;
  const children = mayNest && content.length > skipped ? elementsOf(content.subarray(skipped)) : undefined;
  return children === undefined
    ? { tag, raw, octets: content, children }
    : { tag, raw, octets: content.subarray(0, skipped), children };
}

function element(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}

function contentOf({ octets, children = [] }: DerNode): Buffer {
  return Buffer.concat([octets, ...children.map(({ raw }) => raw)]);
}

/** `node` with `replacement` in the place of `chosen`, which is it or is within it; all else as it was read. */
function replaced(node: DerNode, chosen: DerNode, replacement: Buffer): Buffer {
  if (node === chosen) return replacement;
  const children = node.children ?? [];
  const pieces = children.map((child) => replaced(child, chosen, replacement));
  if (pieces.every((piece, at) => piece === children[at]?.raw)) return node.raw;
  return element(node.tag, Buffer.concat([node.octets, ...pieces]));
}

function allOf(node: DerNode): DerNode[] {
  return [node, ...(node.children ?? []).flatMap(allOf)];
}

/** What takes the place of `node`. */
function mutatedNode(random: Random, node: DerNode, donors: readonly Buffer[]): Buffer {
  const { raw: whole, children = [] } = node;
  const content = contentOf(node);
  switch (below(random, 13)) {
    case 0:
      return NOTHING;
    case 1:
      return Buffer.concat([whole, whole]);
    case 2:
      return element(oneOf(random, TAGS), content);
    case 3:
      return element(node.tag, NOTHING);
    case 4:
      return Buffer.concat([whole, element(oneOf(random, TAGS), randomBytes(random, 4))]);
    case 5: {
      const pieces = children.map(({ raw }) => raw);
      const at = below(random, pieces.length + 1);
      return element(node.tag, Buffer.concat([node.octets, ...pieces.slice(at), ...pieces.slice(0, at)]));
    }
    case 6:
      // A longer length than is needed, or one that does not end. (X.690 §10.1)
      return random() < 0.7
        ? Buffer.concat([Buffer.of(node.tag, 0x83, 0, content.length >> 8, content.length & 0xff), content])
        : Buffer.concat([Buffer.of(node.tag, 0x80), content, Buffer.of(0, 0)]);
    case 7:
      return element(node.tag, Buffer.concat([Buffer.of(oneOf(random, [0, 0xff, 0x80])), content]));
    case 8: {
      const trees = elementsOf(oneOf(random, donors)) ?? [];
      return oneOf(random, trees.flatMap(allOf)).raw;
    }
    case 9: {
      let nested = whole;
      for (let depth = below(random, random() < 0.1 ? 300 : 3); depth > 0; depth -= 1) nested = element(0x30, nested);
      return nested;
    }
    case 10:
      return element(node.tag, Buffer.concat([content, content]));
    default:
      return element(node.tag, content.length === 0 ? randomBytes(random, 8) : mutated(random, content));
  }
}

/**
 * The element `der` with one of those within it changed, and all lengths around it right again: else no mutation would
 * come past the first of them. What is not DER is mutated as any bytes. `donors` are whole elements of which parts are
 * put in its place.
 */
export function mutatedDer(random: Random, der: Buffer, donors: readonly Buffer[]): Buffer {
  const [root, ...more] = elementsOf(der) ?? [];
  if (root === undefined || more.length > 0 || random() < 0.1) return der.length > 0 ? mutated(random, der) : der;
  const chosen = oneOf(random, allOf(root));
  return replaced(root, chosen, mutatedNode(random, chosen, donors));
}

/** The elements within a SEQUENCE of DER, each whole; none of what is no DER. */
export function partsOf(der: Buffer): Buffer[] {
  const [root] = elementsOf(der) ?? [];
  return (root?.children ?? []).map(({ raw }) => raw);
}

/** A SEQUENCE of these. */
export function sequenceOf(...parts: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}
