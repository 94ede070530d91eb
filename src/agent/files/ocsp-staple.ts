import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { DerTag, type DerView, isoTime, readTime, sequenceIn, sequenceOf } from '../../pki/x509/index.js';
import { plainSerial } from '../../text/index.js';

/** `id-pkix-ocsp-basic`, 1.3.6.1.5.5.7.48.1.1, without its header. (RFC 6960 §4.2.1) */
const BASIC_RESPONSE = Buffer.from('2b0601050507300101', 'hex');

/** `OCSPResponseStatus.successful`. */
const SUCCESSFUL = 0;

/**
 * Where what may be missing of a SingleResponse begins, `nextUpdate [0]` first: after certID, certStatus and
 * thisUpdate.
 */
const OPTIONAL = 3;

/**
 * Checks that a file is an OCSP response in DER that speaks of this leaf and has not expired, which is what makes Envoy
 * take it. Its signature is the matter of those who verify: neither Envoy nor we have the responder's key.
 * @throws IdentityError `ERR_SECRET_FILE_INVALID`.
 */
export function checkStaple(der: Buffer, leaf: X509Certificate, nowMs: number): void {
  const responses = singleResponses(der);
  // Envoy refuses one about several certificates.
  if (responses.length > 1) throw invalid(`answers about ${responses.length} certificates`, 'one');
  const serial = plainSerial(leaf.serialNumber);
  const about = responses.find((one) => plainSerial(serialIn(one)) === serial);
  if (about === undefined)
    throw invalid(`an answer about ${responses.map(serialIn).join(', ')}`, `one about ${serial}`);
  const nextUpdate = sequenceOf(about)
    ?.slice(OPTIONAL)
    .find(({ tag }) => tag === DerTag.context0);
  if (nextUpdate === undefined) return;
  const endMs = readTime(nextUpdate.parts?.[0]);
  if (endMs === undefined) throw invalid('a nextUpdate that is no time', 'a GeneralizedTime in UTC');
  if (endMs <= nowMs) throw invalid(`one that expired at ${isoTime(endMs)}`, 'one that is valid now');
}

/**
 * The `responses` of `OCSPResponse { status, [0] { basic, OCTET STRING { tbsResponseData { …, responses, … } } } }`.
 */
function singleResponses(der: Buffer): readonly DerView[] {
  const [status, bytes] = sequenceIn(der) ?? [];
  if (status?.tag !== DerTag.enumerated) throw invalid('what does not parse', 'an OCSP response in DER');
  if (status.content[0] !== SUCCESSFUL) throw invalid(`status ${status.content[0]}`, 'a successful answer');
  const [type, basic] = sequenceOf(bytes?.parts?.[0]) ?? [];
  const isBasic = type?.content.equals(BASIC_RESPONSE) && basic?.tag === DerTag.octetString;
  const [answer] = (isBasic && sequenceIn(basic.content)) || [];
  // Before it stand context-specific elements, and the time of the answer, which is no SEQUENCE.
  const responses = sequenceOf(sequenceOf(answer)?.find(({ tag }) => tag === DerTag.sequence));
  if (responses === undefined) throw invalid('no answer', 'a basic OCSP response');
  return responses;
}

/** Of `SingleResponse { certID { algorithm, name, key, serialNumber }, … }`, as hexadecimal digits. */
function serialIn(response: DerView): string {
  const [certId] = sequenceOf(response) ?? [];
  return sequenceOf(certId)?.[3]?.content.toString('hex') ?? '';
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SECRET_FILE_INVALID', `OCSP staple: got ${got}, expected ${expected}`);
}
