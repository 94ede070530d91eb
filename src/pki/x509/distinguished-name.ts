import { DerTag, type DerView, sequenceIn, sequenceOf } from './der-view.js';
import { printable } from './general-name.js';

/** One attribute of a name. */
class Attribute {
  /** Hex of the OID's content. */
  readonly oid: string;
  readonly tag: number;
  private compared: string | undefined;

  constructor(
    type: DerView,
    private readonly view: DerView,
  ) {
    this.oid = type.content.toString('hex');
    this.tag = view.tag;
  }

  get value(): Buffer {
    return this.view.content;
  }

  /**
   * As it is compared: text without regard to case, runs of spaces, and kind of string. Most names are compared with
   * none.
   */
  get canonical(): string {
    this.compared ??= `${this.oid}${TEXT_TAGS.has(this.tag) ? `=${canonicalText(this.value)}` : `#${this.view.raw.toString('hex')}`}`;
    return this.compared;
  }
}

/** A relative name: more than one attribute is rare. */
export type RelativeName = readonly Attribute[];

const EMAIL_ADDRESS = '2a864886f70d010901';

const LABELS: Readonly<Record<string, string>> = { '550403': 'CN', '55040a': 'O', '55040b': 'OU', '550406': 'C' };

/** Attributes in a message. */
const MAX_TOLD = 6;

/** UTF8String, PrintableString, T61String, IA5String: their octets are compared as text. */
const TEXT_TAGS: ReadonlySet<number> = new Set([0x0c, 0x13, 0x14, 0x16]);

/** The relative names of a Name from its octets; `undefined` when it is not as RFC 5280 §4.1.2.4 has it. */
export function readName(name: Buffer): RelativeName[] | undefined {
  return nameOf(sequenceIn(name));
}

/** As {@link readName}, of the element that holds it. */
export function readNameIn(view: DerView): RelativeName[] | undefined {
  return nameOf(sequenceOf(view));
}

function nameOf(parts: readonly DerView[] | undefined): RelativeName[] | undefined {
  const relative = parts?.map((part) => (part.tag === DerTag.set ? readRelative(part) : undefined));
  return relative?.every((one) => one !== undefined) ? relative : undefined;
}

function readRelative(set: DerView): RelativeName | undefined {
  const attributes = set.parts?.map((part) => {
    const [type, value, ...more] = sequenceOf(part) ?? [];
    return type?.tag === DerTag.oid && value !== undefined && more.length === 0
      ? new Attribute(type, value)
      : undefined;
  });
  return attributes?.every((one) => one !== undefined) ? attributes : undefined;
}

/** RFC 5280 §7.1, for ASCII; other octets count as they are. */
function canonicalText(octets: Buffer): string {
  const text = octets.toString('latin1').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return text.replace(/[\t-\r ]+/g, ' ').replace(/^ | $/g, '');
}

/** Whether `name` begins with all of `base`: it is in the subtree of that name. (RFC 5280 §4.2.1.10) */
export function isWithin(name: readonly RelativeName[], base: readonly RelativeName[]): boolean {
  return base.length <= name.length && base.every((relative, index) => isSame(relative, name[index] ?? []));
}

function isSame(one: RelativeName, other: RelativeName): boolean {
  return one.length === other.length && one.every(({ canonical }, index) => canonical === other[index]?.canonical);
}

export function isSameName(one: readonly RelativeName[], other: readonly RelativeName[]): boolean {
  return one.length === other.length && isWithin(one, other);
}

/** The mail addresses in it, with their kinds of string: name constraints hold for them, too. (RFC 5280 §4.2.1.10) */
export function emailsIn(name: readonly RelativeName[]): { readonly tag: number; readonly value: Buffer }[] {
  return name.flatMap((relative) => relative.filter(({ oid }) => oid === EMAIL_ADDRESS));
}

/** As people read it: `O=Example, CN=root`; only the usual attributes. */
export function distinguishedNameText(name: readonly RelativeName[]): string {
  const parts = name.flatMap((relative) =>
    relative.flatMap(({ oid, value }) => (LABELS[oid] === undefined ? [] : [`${LABELS[oid]}=${printable(value)}`])),
  );
  return parts.slice(0, MAX_TOLD).join(', ');
}
