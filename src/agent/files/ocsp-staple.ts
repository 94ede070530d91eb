import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { isoTime } from '../../pki/x509/index.js';
import { Asn1, type Asn1Element, readAsn1, timeOf } from './asn1.js';

/** `id-pkix-ocsp-basic`, 1.3.6.1.5.5.7.48.1.1, without its header. (RFC 6960 §4.2.1) */
const BASIC_RESPONSE = Buffer.from('2b0601050507300101', 'hex');

/** `OCSPResponseStatus.successful`. */
const SUCCESSFUL = 0;

/** Where what may be missing of a SingleResponse begins, `nextUpdate [0]` first: after certID, certStatus and thisUpdate. */
const OPTIONAL = 3;

/**
 * Checks that a file is an OCSP response in DER that speaks of this leaf and has not expired, which is what makes Envoy take
 * it. Its signature is the matter of those who verify: neither Envoy nor we have the responder's key.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`.
 */
export async function checkStaple(der: Buffer, leaf: X509Certificate, nowMs: number): Promise<void> {
  const responses = await singleResponses(der);
  // Envoy refuses one about several certificates.
  if (responses.length > 1) throw invalid(`answers about ${responses.length} certificates`, 'one');
  const serial = normalSerial(leaf.serialNumber);
  const about = responses.find((one) => normalSerial(serialIn(one)) === serial);
  if (about === undefined)
    throw invalid(`an answer about ${responses.map(serialIn).join(', ')}`, `one about ${serial}`);
  const nextUpdate = about.children.slice(OPTIONAL).find(({ tag }) => typeof tag === 'object' && tag[0] === 0);
  if (nextUpdate === undefined) return;
  const [end] = nextUpdate.children;
  const endMs = end && timeOf(end);
  if (endMs === undefined) throw invalid('a nextUpdate that is no time', 'a GeneralizedTime in UTC');
  if (endMs <= nowMs) throw invalid(`one that expired at ${isoTime(endMs)}`, 'one that is valid now');
}

/** The `responses` of `OCSPResponse { status, [0] { basic, OCTET STRING { tbsResponseData { …, responses, … } } } }`. */
async function singleResponses(der: Buffer): Promise<readonly Asn1Element[]> {
  const response = await readAsn1(der);
  const [status, bytes] = response?.children ?? [];
  if (status?.tag !== Asn1.enumerated) throw invalid('what does not parse', 'an OCSP response in DER');
  if (status.content[0] !== SUCCESSFUL) throw invalid(`status ${status.content[0]}`, 'a successful answer');
  const [type, basic] = bytes?.children[0]?.children ?? [];
  const inner = type?.content.equals(BASIC_RESPONSE) ? await readAsn1(basic?.content ?? Buffer.alloc(0)) : undefined;
  // Before it stand context-specific elements, and the time of the answer, which is no SEQUENCE.
  const list = inner?.children[0]?.children.find(({ tag }) => tag === Asn1.sequence);
  if (list === undefined) throw invalid('no answer', 'a basic OCSP response');
  return list.children;
}

/** Of `SingleResponse { certID { algorithm, name, key, serialNumber }, … }`, as hexadecimal digits. */
function serialIn(response: Asn1Element): string {
  return response.children[0]?.children[3]?.content.toString('hex') ?? '';
}

function normalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `OCSP staple: got ${got}, expected ${expected}`);
}
