import { IdentityError } from '../../errors/index.js';
import { distinguishedNameText, encodePem, isoTime, readPem } from '../../pki/x509/index.js';
import { type RevocationList, readRevocationList } from './revocation-list.js';

/** The lists of one file, as Envoy gets them. */
export interface RevocationLists {
  readonly pem: Buffer;
  readonly lists: readonly RevocationList[];
}

/** Those of the largest file that is read. */
const MAX_FILE_BYTES = 1024 * 1024;

const WANTED = {
  what: 'CRL file',
  code: 'ERR_SECRET_FILE_INVALID',
  maxBlocks: 100,
  labels: ['X509 CRL'],
} as const;

/** The tag of a SEQUENCE: CAs publish a list in DER, and no PEM begins so. (RFC 5280 §5; RFC 2585 §4.2) */
const DER_SEQUENCE = 0x30;

/** Shorter is the text "0", as it were. */
const MIN_DER_BYTES = 32;

/**
 * Reads certificate revocation lists, in PEM or one in DER. Envoy refuses the whole context for a malformed one, takes
 * DER for no list at all, and refuses every peer for a list with a critical extension.
 * `what` is what messages call them, `maxBytes` how much they may be.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`.
 */
export function parseCrls(
  bytes: Buffer,
  { what = WANTED.what, maxBytes = MAX_FILE_BYTES }: { readonly what?: string; readonly maxBytes?: number } = {},
): RevocationLists {
  const isDer = bytes[0] === DER_SEQUENCE && bytes.length >= MIN_DER_BYTES && bytes.includes(0);
  const ders = isDer ? [Buffer.from(bytes)] : readPem(bytes, { ...WANTED, what, maxBytes }).map(({ der }) => der);
  const lists = ders.map((der, index) => readList(der, index, what));
  return { lists, pem: Buffer.concat(lists.map(({ der }) => encodePem('X509 CRL', der))) };
}

function readList(der: Buffer, index: number, what: string): RevocationList {
  const list = readRevocationList(der);
  if (list === undefined) throw invalid(what, `list ${index + 1} that does not parse`, 'a CRL as RFC 5280 has it');
  if (list.critical === undefined) return list;
  const got = `list ${index + 1} (${issuerText(list)}) with the critical extension ${list.critical}`;
  throw invalid(what, got, 'a complete list without critical extensions: Envoy refuses every peer for one');
}

/** The issuers of which no list is valid now: their peers are refused until one is. */
export function issuersWithoutValidList(lists: readonly RevocationList[], nowMs: number): readonly RevocationList[] {
  const byIssuer = new Map(lists.map((list) => [issuerText(list), list]));
  const valid = new Set(lists.filter((list) => isValidAt(list, nowMs)).map(issuerText));
  return [...byIssuer].filter(([issuer]) => !valid.has(issuer)).map(([, list]) => list);
}

export function isValidAt({ thisUpdateMs, nextUpdateMs }: RevocationList, nowMs: number): boolean {
  return thisUpdateMs <= nowMs && nowMs < nextUpdateMs;
}

export function issuerText({ issuer }: RevocationList): string {
  return distinguishedNameText(issuer);
}

/** How a list stands in time, for people. */
export function periodText({ thisUpdateMs, nextUpdateMs }: RevocationList): string {
  return `${isoTime(thisUpdateMs)} to ${Number.isFinite(nextUpdateMs) ? isoTime(nextUpdateMs) : 'no end'}`;
}

function invalid(what: string, got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `${what}: got ${got}, expected ${expected}`);
}
