import { type ErrorCode, IdentityError } from '../../errors/index.js';
import { decodeBase64 } from '../../text/index.js';
import { whyNoBlock, whyUndecodable, whyUnended } from './pem-diagnosis.js';
import { type PemSpan, scanPem } from './pem-scan.js';

/** One block of a PEM text. */
export interface PemBlock {
  readonly label: string;
  /** In memory of its own; who reads a private key wipes it. */
  readonly der: Buffer;
}

export interface PemWanted {
  /** What is being read, for the error message. */
  readonly what: string;
  /** The code of every refusal. */
  readonly code: ErrorCode;
  readonly maxBytes: number;
  /** How many of the wanted blocks there may be. */
  readonly maxBlocks: number;
  /** The kinds of blocks to read. Others are passed over and not decoded; left out, all are read. */
  readonly labels?: readonly string[];
}

/** The second is what OpenSSL wrote before 1998, and still reads. */
const CERTIFICATE_LABELS = ['CERTIFICATE', 'X509 CERTIFICATE'];

/**
 * Reads the blocks of a PEM text in their order: the one reader of the project. Boundaries stand at the beginning of a
 * line; text, comments, a byte order mark, CRLF and blanks at the end of a line do not count, as for OpenSSL and
 * BoringSSL. Headers inside a block are refused as they refuse them, and base64 must be the canonical spelling of its
 * octets (RFC 4648 §3.5), in lines of any length. `native/pem.cc` reads alike.
 * @throws IdentityError `wanted.code`: too long, none of the wanted blocks, too many, one without its end or that does
 *   not decode. The message names what stands there instead: DER, UTF-16, other blocks, an encrypted key.
 */
export function readPem(pem: Buffer, wanted: PemWanted): PemBlock[] {
  return wantedBlocks(pem, wanted, ({ label, body }, refuse) => {
    return { label, der: decodeBase64(body) ?? refuse(...whyUndecodable(label, body)) };
  });
}

type Refuse = (got: string, expected: string) => never;

function wantedBlocks<T>(pem: Buffer, wanted: PemWanted, read: (span: PemSpan, refuse: Refuse) => T): T[] {
  const { what, code, maxBytes, maxBlocks, labels } = wanted;
  const refuse: Refuse = (got, expected) => {
    throw new IdentityError(code, `${what}: got ${got}, expected ${expected}`);
  };
  if (pem.length > maxBytes) refuse(`${pem.length} bytes`, `at most ${maxBytes}`);
  const blocks: T[] = [];
  const passedOver = new Set<string>();
  const broken = scanPem(pem, (span) => {
    if (labels !== undefined && !labels.includes(span.label)) {
      if (passedOver.size < MAX_NAMED_LABELS) passedOver.add(span.label);
      return;
    }
    if (blocks.length === maxBlocks) refuse('more blocks', `at most ${maxBlocks}`);
    blocks.push(read(span, refuse));
  });
  if (broken !== undefined) refuse(...whyUnended(broken.unended));
  if (blocks.length === 0) refuse(...whyNoBlock(pem, labels, [...passedOver]));
  return blocks;
}

/** Enough to see what a file is. */
const MAX_NAMED_LABELS = 4;

/**
 * The DER of the certificates in a PEM text, in their order; keys and whatever else stands there is passed over.
 * @throws as {@link readPem}
 */
export function readCertificates(pem: Buffer, limits: Omit<PemWanted, 'labels'>): Buffer[] {
  return readPem(pem, { ...limits, labels: CERTIFICATE_LABELS }).map(({ der }) => der);
}

const BEGIN_CERTIFICATE = Buffer.from('-----BEGIN CERTIFICATE-----\n', 'latin1');
const END_CERTIFICATE = Buffer.from('-----END CERTIFICATE-----\n', 'latin1');

/**
 * The certificates of a PEM text as parts of a PEM text with nothing else, to be joined: for a reader that decodes
 * them, as what stands inside the blocks is taken over undecoded. @throws as {@link readPem}, but for a block that does
 * not decode.
 */
export function cutCertificates(pem: Buffer, limits: Omit<PemWanted, 'labels'>): Buffer[] {
  const wanted = { ...limits, labels: CERTIFICATE_LABELS };
  return wantedBlocks(pem, wanted, ({ body }) => [BEGIN_CERTIFICATE, body, END_CERTIFICATE]).flat();
}
