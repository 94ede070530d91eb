import { WireReader } from '../../net/protobuf/index.js';

/** The kinds of `tls.v3.Secret`. */
export const SECRET_KINDS = ['certificate', 'validation-context', 'session-ticket-keys', 'generic'] as const;

export type SecretKind = (typeof SECRET_KINDS)[number];

/** The fields of `Secret.type`, a oneof. (envoy.extensions.transport_sockets.tls.v3) */
const KIND_OF_FIELD = new Map<number, SecretKind>([
  [2, 'certificate'],
  [3, 'session-ticket-keys'],
  [4, 'validation-context'],
  [5, 'generic'],
]);

/** `CertificateValidationContext.trusted_ca`, a DataSource. */
const TRUSTED_CA = 1;

/**
 * What else of a validation context makes Envoy verify its peers: pinned hashes and keys, a custom validator, a
 * provider of CA certificates, the system's roots.
 */
const OTHER_VERIFICATION: ReadonlySet<number> = new Set([2, 3, 12, 13, 17]);

/**
 * The kind of a serialised `Secret`; `undefined` for one that must never go to an Envoy: it does not parse, has no kind
 * or two, or is a validation context that verifies nothing, which Envoy accepts and then trusts every peer. (reference:
 * SDS 1.9)
 */
export function kindOfSecret(body: Buffer): SecretKind | undefined {
  try {
    return readKind(new WireReader(body));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readKind(reader: WireReader): SecretKind | undefined {
  let kind: SecretKind | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const found = KIND_OF_FIELD.get(field);
    if (found === undefined) continue;
    if (kind !== undefined || reader.length === 0) return undefined;
    if (found === 'validation-context' && !verifies(new WireReader(reader.value()))) return undefined;
    kind = found;
  }
  return kind;
}

function verifies(context: WireReader): boolean {
  for (let field = context.next(); field !== 0; field = context.next()) {
    if (field === TRUSTED_CA && hasValue(new WireReader(context.value()))) return true;
    if (OTHER_VERIFICATION.has(field)) return true;
  }
  return false;
}

function hasValue(message: WireReader): boolean {
  for (let field = message.next(); field !== 0; field = message.next()) if (message.length > 0) return true;
  return false;
}
