import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../../errors/index.js';
import { Asn1, type Asn1Element, readAsn1 } from './asn1.js';

/** `id-pkix-ocsp-basic`, 1.3.6.1.5.5.7.48.1.1, without its header. (RFC 6960 §4.2.1) */
const BASIC_RESPONSE = Buffer.from('2b0601050507300101', 'hex');

/** `OCSPResponseStatus.successful`. */
const SUCCESSFUL = 0;

/** Where `nextUpdate` stands in a SingleResponse: after certID, certStatus and thisUpdate. */
const NEXT_UPDATE = 3;

/**
 * Checks that a file is an OCSP response in DER that speaks of this leaf and has not ended, which is what makes Envoy take
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
  const end = about.children[NEXT_UPDATE]?.children[0]?.content.toString('latin1');
  if (end !== undefined && timeOf(end) <= nowMs) throw invalid(`one that expired at ${end}`, 'one that is valid now');
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

/** GeneralizedTime of whole seconds in UTC: `20261126143244Z`. (RFC 5280 §4.1.2.5.2) */
function timeOf(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `OCSP staple: got ${got}, expected ${expected}`);
}
