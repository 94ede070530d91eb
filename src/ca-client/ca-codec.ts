import { IdentityError } from '../errors/index.js';
import { istio } from '../rpc/index.js';

const { IstioCertificateRequest, IstioCertificateResponse } = istio.v1.auth;

/** The one method of the CA. (reference: Istio C1) */
export const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/**
 * The bytes of an `IstioCertificateRequest`. Validity travels in whole seconds, rounded up so that it never becomes 0,
 * which means "your default". `CertSigner` is always there, empty for the CA's own signer. (reference: Istio A72)
 */
export function encodeCertificateRequest(csrPem: Buffer, ttlMs: number): Buffer {
  const bytes = IstioCertificateRequest.encode({
    csr: csrPem.toString('latin1'),
    validityDuration: Math.ceil(ttlMs / 1000),
    metadata: { fields: { CertSigner: { stringValue: '' } } },
  }).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The elements of `cert_chain`, as they came.
 * @throws IdentityError `ERR_CA_RESPONSE_INVALID`: the bytes are no such message.
 */
export function decodeCertificateResponse(bytes: Buffer): readonly string[] {
  try {
    return IstioCertificateResponse.decode(bytes).certChain;
  } catch (cause) {
    throw new IdentityError(
      'ERR_CA_RESPONSE_INVALID',
      `CA answer: got ${bytes.length} bytes that do not parse, expected an IstioCertificateResponse`,
      { cause },
    );
  }
}
