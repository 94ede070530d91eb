import { type ErrorCode, IdentityError } from '../../errors/index.js';
import { decodeBase64 } from './base64.js';
import { whyNoBlock, whyUndecodable, whyUnended } from './pem-diagnosis.js';
import { scanPem } from './pem-scan.js';

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
 * line; text, comments, a byte order mark, CRLF and blanks at the end of a line do not count, as for OpenSSL and BoringSSL.
 * Headers inside a block are refused as they refuse them, and base64 must be the canonical spelling of its octets (RFC 4648
 * §3.5), in lines of any length. `native/pem.cc` reads alike.
 * @throws IdentityError `wanted.code`: too long, none of the wanted blocks, too many, one without its end or that does not
 *   decode. The message names what stands there instead: DER, UTF-16, other blocks, an encrypted key.
 */
export function readPem(pem: Buffer, wanted: PemWanted): PemBlock[] {
  const { what, code, maxBytes, maxBlocks, labels } = wanted;
  const refuse = (got: string, expected: string): never => {
    throw new IdentityError(code, `${what}: got ${got}, expected ${expected}`);
  };
  if (pem.length > maxBytes) refuse(`${pem.length} bytes`, `at most ${maxBytes}`);
  const blocks: PemBlock[] = [];
  const passedOver = new Set<string>();
  const broken = scanPem(pem, ({ label, body }) => {
    if (labels !== undefined && !labels.includes(label)) {
      if (passedOver.size < MAX_NAMED_LABELS) passedOver.add(label);
      return;
    }
    if (blocks.length === maxBlocks) refuse('more blocks', `at most ${maxBlocks}`);
    const der = decodeBase64(body) ?? refuse(...whyUndecodable(label, body));
    blocks.push({ label, der });
  });
  if (broken !== undefined) refuse(...whyUnended(broken.unended));
  if (blocks.length === 0) refuse(...whyNoBlock(pem, labels, [...passedOver]));
  return blocks;
}

/** Enough to see what a file is. */
const MAX_NAMED_LABELS = 4;

/** The DER of the certificates in a PEM text, in their order; keys and whatever else stands there is passed over. @throws as {@link readPem} */
export function readCertificates(pem: Buffer, limits: Omit<PemWanted, 'labels'>): Buffer[] {
  return readPem(pem, { ...limits, labels: CERTIFICATE_LABELS }).map(({ der }) => der);
}
