import { IdentityError } from '../../errors/index.js';
import { fieldSizeBytes, istio, WireReader, WireWriter } from '../../net/protobuf/index.js';
import { type ImpersonatedIdentity, readRequestMetadata } from './request-metadata.js';

const { IstioCertificateResponse } = istio.v1.auth;

const NOTHING = Buffer.alloc(0);

/** What our server needs to receive: a CSR is 0.4 to 2 kB, the metadata of an agent a few hundred bytes. */
export const MAX_CERTIFICATE_REQUEST_BYTES = 64 * 1024;

/** An RSA-4096 CSR with all that an agent puts into it is below 3 kB. */
const MAX_CSR_CHARS = 16 * 1024;

export interface CreateCertificateRequest {
  readonly csrPem: Buffer;
  /** As it came: 0 when left out, possibly negative, possibly beyond what a number holds exactly. */
  readonly validitySeconds: number;
  /** Whose certificate it is to be, when not the caller's own. */
  readonly impersonated: ImpersonatedIdentity | undefined;
}

/**
 * Reads an `IstioCertificateRequest`; `csrPem` is a part of `bytes`.
 * @throws IdentityError `ERR_REQUEST_INVALID`: no such message; `ERR_CSR_INVALID`: the CSR is missing or too long;
 *   `ERR_CERT_SIGNER_UNKNOWN`: its metadata asks for what we do not do.
 */
export function decodeCertificateRequest(bytes: Buffer): CreateCertificateRequest {
  const request = parse(bytes);
  const { length } = request.csrPem;
  if (length === 0 || length > MAX_CSR_CHARS) {
    throw new IdentityError('ERR_CSR_INVALID', `CSR: got ${length} characters, expected 1 to ${MAX_CSR_CHARS}`);
  }
  return request;
}

/** Fields of an `IstioCertificateRequest`. */
const CSR = 1;
const VALIDITY_DURATION = 3;
const METADATA = 4;

/** `cert_chain`, length-delimited. */
const CERT_CHAIN_KEY = 0x0a;

/** What comes behind the leaf, encoded once for each authority. */
const encodedIssuers = new WeakMap<readonly string[], Uint8Array>();

/** The bytes of an `IstioCertificateResponse`: the leaf, and what is always the same behind it. */
export function encodeCertificateResponse(leafPem: Buffer, issuersPem: readonly string[]): Buffer {
  let issuers = encodedIssuers.get(issuersPem);
  if (issuers === undefined) {
    issuers = IstioCertificateResponse.encode({ certChain: [...issuersPem] }).finish();
    encodedIssuers.set(issuersPem, issuers);
  }
  const response = Buffer.allocUnsafe(fieldSizeBytes(leafPem.length) + issuers.length);
  const writer = new WireWriter(response);
  writer.head(CERT_CHAIN_KEY, leafPem.length);
  writer.put(leafPem);
  writer.put(issuers);
  return response;
}

/** By hand, for a CSR comes with each: protobuf.js would make texts of it, and objects of the metadata, without use. */
function parse(bytes: Buffer): CreateCertificateRequest {
  try {
    let csrPem: Buffer = NOTHING;
    let validitySeconds = 0;
    let impersonated: ImpersonatedIdentity | undefined;
    const reader = new WireReader(bytes);
    for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
      if (field === CSR && reader.isDelimited) csrPem = reader.value();
      else if (field === VALIDITY_DURATION && reader.isVarint) validitySeconds = reader.int64;
      // It may come in several pieces, which are one Struct together.
      else if (field === METADATA && reader.isDelimited) {
        impersonated = readRequestMetadata(reader.value()) ?? impersonated;
      }
    }
    return { csrPem, validitySeconds, impersonated };
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause;
    throw new IdentityError(
      'ERR_REQUEST_INVALID',
      `certificate request: got ${bytes.length} bytes that do not parse, expected an IstioCertificateRequest`,
      { cause },
    );
  }
}
