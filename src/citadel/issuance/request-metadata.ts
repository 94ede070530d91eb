import { IdentityError } from '../../errors/index.js';
import { WireReader } from '../../net/protobuf/index.js';
import { quoted } from '../authn/index.js';

/** Fields of `google.protobuf.Struct`, of the entries of its map, and of `google.protobuf.Value`. */
const FIELDS = 1;
const KEY = 1;
const VALUE = 2;
const STRING_VALUE = 3;

/** The identity that a node proxy asks a certificate for, in place of its own. (reference: Istio C16) */
const IMPERSONATED_IDENTITY = 'ImpersonatedIdentity';

/**
 * Which of several signers shall sign. Istio's agents always send it, empty when none was configured. (reference: Istio
 * A72)
 */
const CERT_SIGNER = 'CertSigner';

/**
 * Checks the `metadata` of a certificate request, a serialised Struct. A caller that asks for another identity or
 * another signer must not get a certificate of its own identity by ours, and take it for what it asked for: both are
 * refused, whatever the value is. Other keys mean nothing here.
 * @throws IdentityError `ERR_IMPERSONATION_REFUSED`, `ERR_CERT_SIGNER_UNKNOWN`; RangeError: it is no Struct.
 */
export function checkRequestMetadata(struct: Buffer): void {
  const reader = new WireReader(struct);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === FIELDS) checkEntry(reader.value());
  }
}

function checkEntry(entry: Buffer): void {
  let key = '';
  let value: string | undefined;
  const reader = new WireReader(entry);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === KEY) key = reader.text();
    else if (field === VALUE) value = textOf(reader.value());
  }
  if (key === IMPERSONATED_IDENTITY) {
    throw new IdentityError(
      'ERR_IMPERSONATION_REFUSED',
      `metadata ${key}: got ${quoted(value)}, expected none: impersonation is not supported`,
    );
  }
  if (key === CERT_SIGNER && value !== '') {
    throw new IdentityError(
      'ERR_CERT_SIGNER_UNKNOWN',
      `metadata ${key}: got ${quoted(value)}, expected an empty text: there is one signer, without a name`,
    );
  }
}

/** The text of a `Value`; `undefined` when it is none. Of several kinds the last one counts. */
function textOf(value: Buffer): string | undefined {
  let text: string | undefined;
  const reader = new WireReader(value);
  for (let field = reader.nextOfAnyType(); field !== 0; field = reader.nextOfAnyType()) {
    text = field === STRING_VALUE && reader.isDelimited ? reader.text() : undefined;
  }
  return text;
}
