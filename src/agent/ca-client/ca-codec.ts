import { IdentityError } from '../../errors/index.js';
import { fieldSizeBytes, istio, WireReader, WireWriter } from '../../net/protobuf/index.js';
import { MAX_ELEMENTS } from './answer-form.js';

const { IstioCertificateRequest } = istio.v1.auth;

/** The one method of the CA. (reference: Istio C1) */
export const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/**
 * The bytes of an `IstioCertificateRequest`. Validity travels in whole seconds, rounded up so that it never becomes 0,
 * which means "your default". `CertSigner` is always there, empty for the CA's own signer. (reference: Istio A72)
 */
export function encodeCertificateRequest(csrPem: Buffer, ttlMs: number, certSigner = ''): Buffer {
  // Fields may come in any order: the one that is another each time goes last, and needs no encoder each time.
  const head = headOf(Math.ceil(ttlMs / 1000), certSigner);
  const request = Buffer.allocUnsafe(head.length + fieldSizeBytes(csrPem.length));
  const writer = new WireWriter(request);
  writer.put(head);
  writer.head(CSR_KEY, csrPem.length);
  writer.put(csrPem);
  return request;
}

/** Field 1, length-delimited. */
const CSR_KEY = 0x0a;

/** Field of an `IstioCertificateResponse`. */
const CERT_CHAIN = 1;

let lastHead:
  | { readonly validityDuration: number; readonly certSigner: string; readonly bytes: Uint8Array }
  | undefined;

/** All but the CSR. An agent asks for one and the same life and signer. */
function headOf(validityDuration: number, certSigner: string): Uint8Array {
  if (lastHead?.validityDuration !== validityDuration || lastHead.certSigner !== certSigner) {
    const metadata = { fields: { CertSigner: { stringValue: certSigner } } };
    const bytes = IstioCertificateRequest.encode({ validityDuration, metadata }).finish();
    lastHead = { validityDuration, certSigner, bytes };
  }
  return lastHead.bytes;
}

/**
 * The elements of `cert_chain`, as they came: parts of `bytes`. Of more than any answer may have the first ones, one
 * too many.
 * @throws IdentityError `ERR_CA_RESPONSE_INVALID`: the bytes are no such message.
 */
export function decodeCertificateResponse(bytes: Buffer): readonly Buffer[] {
  try {
    const elements: Buffer[] = [];
    const reader = new WireReader(bytes);
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      // More are refused by their number: a million empty ones would each cost an object.
      if (field === CERT_CHAIN && elements.length <= MAX_ELEMENTS) elements.push(reader.value());
    }
    return elements;
  } catch (cause) {
    throw new IdentityError(
      'ERR_CA_RESPONSE_INVALID',
      `CA answer: got ${bytes.length} bytes that do not parse, expected an IstioCertificateResponse`,
      { cause },
    );
  }
}
