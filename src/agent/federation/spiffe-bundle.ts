import { createPublicKey, type JsonWebKey, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { encodePem } from '../../pki/x509/index.js';
import { decodeBase64, parseBoundedJson } from '../../text/index.js';

/** A bundle document. (SPIFFE Trust Domain and Bundle §4) */
export interface SpiffeBundle {
  /** Never empty. */
  readonly roots: TrustBundle;
  /** Which of two documents is the newer one; `undefined` where it does not say. */
  readonly sequence: number | undefined;
  /** How often it is to be fetched again; `undefined` where it does not say. */
  readonly refreshHintMs: number | undefined;
}

/** A JSON Web Key Set is an object with an array of objects, whose members may be arrays of texts. */
const BOUNDS = { maxDepth: 8, maxParts: 20_000 };

/** As of the bundle of a CA: each costs the event loop 0.2 ms. */
const MAX_ROOTS = 100;

/** A certificate in base64 is 1 to 3 kB. */
const MAX_CERTIFICATE_CHARS = 32 * 1024;

/**
 * Reads a bundle document in JSON: of its keys those for X.509-SVIDs, which have one certificate each; keys for other
 * uses are left out. (SPIFFE Trust Domain and Bundle §4.2)
 * @throws IdentityError `ERR_BUNDLE_INVALID`: it is none, or has no root: such a bundle would let no peer in.
 */
export function parseSpiffeBundle(json: Buffer): SpiffeBundle {
  const document = parse(json);
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document;
  if (!Array.isArray(keys)) throw invalid('no array of keys', 'a JSON Web Key Set');
  const wanted = keys.filter((key): key is PublicJwk => isObject(key) && key.use === 'x509-svid');
  if (wanted.length === 0 || wanted.length > MAX_ROOTS)
    throw invalid(`${wanted.length} keys for x509-svid`, `1 to ${MAX_ROOTS}`);
  const pems = wanted.map((key, index) => rootOf(key, `key ${index + 1} for x509-svid`));
  const refreshHintMs = wholeNumber(hint, 'spiffe_refresh_hint');
  return {
    roots: TrustBundle.parsePem(Buffer.concat(pems)),
    sequence: wholeNumber(sequence, 'spiffe_sequence'),
    refreshHintMs: refreshHintMs && refreshHintMs * 1000,
  };
}

interface PublicJwk extends JsonWebKey {
  readonly use: unknown;
  readonly x5c?: unknown;
}

function parse(json: Buffer): Record<string, unknown> {
  let document: unknown;
  try {
    document = parseBoundedJson(json, BOUNDS);
  } catch (cause) {
    // What JSON.parse says quotes the text.
    const got = cause instanceof RangeError ? cause.message : `${json.length} bytes that are no JSON`;
    throw invalid(got, 'a SPIFFE bundle', cause);
  }
  if (!isObject(document)) throw invalid('no JSON object', 'a SPIFFE bundle');
  return document;
}

/** The PEM of its certificate. */
function rootOf(key: PublicJwk, what: string): Buffer {
  const { x5c } = key;
  const [text, ...others]: unknown[] = Array.isArray(x5c) ? x5c : [];
  if (typeof text !== 'string' || others.length > 0 || text.length > MAX_CERTIFICATE_CHARS)
    throw invalid(`${what} with x5c of another form`, 'one certificate');
  const der = decodeBase64(Buffer.from(text, 'latin1'));
  if (der === undefined) throw invalid(`${what} with x5c that is no base64`, 'one certificate');
  if (!isKeyOf(key, der)) throw invalid(`${what} with a certificate of another key`, 'the same key in both');
  return encodePem('CERTIFICATE', der);
}

/** A document whose halves disagree was put together by mistake. A certificate that does not parse is refused later. */
function isKeyOf(key: PublicJwk, der: Buffer): boolean {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return true;
  }
  try {
    return createPublicKey({ key, format: 'jwk' }).equals(certificate.publicKey);
  } catch {
    return false;
  }
}

function wholeNumber(value: unknown, what: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`${what} that is no whole number`, 'one of 0 or more');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(got: string, expected: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_BUNDLE_INVALID', `SPIFFE bundle: got ${got}, expected ${expected}`, { cause });
}
