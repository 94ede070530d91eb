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

/** What a request asks for in the name of another. */
export interface ImpersonatedIdentity {
  /** `undefined` when it is no text. */
  readonly text: string | undefined;
}

/**
 * Reads the `metadata` of a certificate request, a serialised Struct: the identity that it asks for in place of the
 * caller's own, of several the last. A caller that asks for another signer must not get a certificate by ours, and take
 * it for what it asked for: that is refused, whatever the value is. Other keys mean nothing here.
 * @throws IdentityError `ERR_CERT_SIGNER_UNKNOWN`; RangeError: it is no Struct.
 */
export function readRequestMetadata(struct: Buffer): ImpersonatedIdentity | undefined {
  let impersonated: ImpersonatedIdentity | undefined;
  const reader = new WireReader(struct);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === FIELDS) impersonated = readEntry(reader.value()) ?? impersonated;
  }
  return impersonated;
}

function readEntry(entry: Buffer): ImpersonatedIdentity | undefined {
  let key = '';
  let value: string | undefined;
  const reader = new WireReader(entry);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === KEY) key = reader.text();
    else if (field === VALUE) value = textOf(reader.value());
  }
  if (key === CERT_SIGNER && value !== '') {
    throw new IdentityError(
      'ERR_CERT_SIGNER_UNKNOWN',
      `metadata ${key}: got ${quoted(value)}, expected an empty text: there is one signer, without a name`,
    );
  }
  return key === IMPERSONATED_IDENTITY ? { text: value } : undefined;
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
