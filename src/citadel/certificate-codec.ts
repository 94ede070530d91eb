import { IdentityError } from '../errors/index.js';
import { istio } from '../rpc/index.js';

const { IstioCertificateRequest, IstioCertificateResponse } = istio.v1.auth;

/** What our server needs to receive: a CSR is 0.4 to 2 kB, the metadata of an agent a few hundred bytes. */
export const MAX_CERTIFICATE_REQUEST_BYTES = 64 * 1024;

/** An RSA-4096 CSR with all that an agent puts into it is below 3 kB. */
const MAX_CSR_CHARS = 16 * 1024;

export interface CertificateRequest {
  readonly csrPem: Buffer;
  /** As it came: 0 when left out, possibly negative, possibly beyond what a number holds exactly. */
  readonly validitySeconds: number;
}

/**
 * Reads an `IstioCertificateRequest`. Its `metadata` is a Struct with keys of other signers; none means anything to us.
 * @throws IdentityError `ERR_REQUEST_INVALID`: no such message; `ERR_CSR_INVALID`: the CSR is missing or too long.
 */
export function decodeCertificateRequest(bytes: Buffer): CertificateRequest {
  const { csr, validityDuration } = parse(bytes);
  if (csr.length === 0 || csr.length > MAX_CSR_CHARS) {
    throw new IdentityError('ERR_CSR_INVALID', `CSR: got ${csr.length} characters, expected 1 to ${MAX_CSR_CHARS}`);
  }
  // protobufjs gives an int64 as a Long wherever that package is installed, whatever the generated type says.
  return { csrPem: Buffer.from(csr), validitySeconds: Number(validityDuration) };
}

/** The bytes of an `IstioCertificateResponse`. */
export function encodeCertificateResponse(certChain: string[]): Buffer {
  const bytes = IstioCertificateResponse.encode({ certChain }).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parse(bytes: Buffer) {
  try {
    return IstioCertificateRequest.decode(bytes);
  } catch (cause) {
    throw new IdentityError(
      'ERR_REQUEST_INVALID',
      `certificate request: got ${bytes.length} bytes that do not parse, expected an IstioCertificateRequest`,
      { cause },
    );
  }
}
