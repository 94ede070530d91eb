import { type ErrorCode, IdentityError } from '../errors/index.js';

/** One block of a PEM text. Public material only: the base64 passes through strings. */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

export interface PemLimits {
  /** What is being read, for the error message. */
  readonly what: string;
  /** The code of every refusal. */
  readonly code: ErrorCode;
  readonly maxBytes: number;
  readonly maxBlocks: number;
}

const BEGIN = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g;

/**
 * Reads the blocks of a PEM text from a peer. Text between the blocks is allowed, as RFC 7468 §2 has it; headers
 * inside a block are not, and base64 must be the one canonical spelling of its octets (RFC 4648 §3.5).
 * @throws IdentityError `limits.code`: too long, no block, too many, one without its end, or with bad base64.
 */
export function readPem(pem: Buffer, limits: PemLimits): PemBlock[] {
  const refuse = (got: string, expected: string): never => {
    throw new IdentityError(limits.code, `${limits.what}: got ${got}, expected ${expected}`);
  };
  if (pem.length > limits.maxBytes) refuse(`${pem.length} bytes`, `at most ${limits.maxBytes}`);
  const text = pem.toString('latin1');
  const blocks: PemBlock[] = [];
  for (const begin of text.matchAll(BEGIN)) {
    const label = begin[1] ?? '';
    const bodyAt = begin.index + begin[0].length;
    const endAt = text.indexOf('-----', bodyAt);
    const end = `-----END ${label}-----`;
    // The next dashes must be this block's end: else a block without end would swallow the one behind it.
    if (endAt < 0 || !text.startsWith(end, endAt)) refuse(`a ${label} block without its end`, end);
    if (blocks.length === limits.maxBlocks) refuse('more blocks', `at most ${limits.maxBlocks}`);
    const der = canonicalBase64(text.slice(bodyAt, endAt));
    blocks.push({ label, der: der ?? refuse(`a ${label} block that does not decode`, 'canonical base64') });
  }
  if (blocks.length === 0) refuse('no PEM block', 'at least one');
  return blocks;
}

function canonicalBase64(body: string): Buffer | undefined {
  const base64 = body.replace(/[\r\n\t ]/g, '');
  const der = Buffer.from(base64, 'base64');
  return der.length > 0 && der.toString('base64') === base64 ? der : undefined;
}
