import { WireReader } from '../../net/protobuf/index.js';
import { SECRET_TYPE_URL } from './requests.js';

/** What a `Secret` holds, as far as an Envoy of a mesh uses it. All contents are PEM. */
export type ReceivedSecret =
  | { readonly kind: 'certificate'; readonly name: string; readonly chainPem: Buffer; readonly keyPem: Buffer }
  | { readonly kind: 'bundle'; readonly name: string; readonly bundlePem: Buffer }
  | { readonly kind: 'other'; readonly name: string };

/**
 * Field numbers of `Secret`, of the two messages in it, and of `DataSource`.
 * (envoy.extensions.transport_sockets.tls.v3)
 */
const SECRET = { name: 1, tlsCertificate: 2, validationContext: 4 } as const;
const TLS_CERTIFICATE = { chain: 1, privateKey: 2 } as const;
const VALIDATION_CONTEXT = { trustedCa: 1 } as const;
const DATA_SOURCE = { inlineBytes: 2, inlineString: 3 } as const;
const ANY = { typeUrl: 1, value: 2 } as const;

/**
 * Reads the `Any` of one resource.
 * @throws RangeError when it does not parse, or is of another type.
 */
export function readSecret(any: Buffer): ReceivedSecret {
  const { typeUrl, value } = pick(any, ANY);
  if (typeUrl?.toString() !== SECRET_TYPE_URL) throw new RangeError('resource: got another type than a Secret');
  const secret = pick(value ?? EMPTY, SECRET);
  const name = secret.name?.toString() ?? '';
  if (secret.tlsCertificate !== undefined) {
    const { chain, privateKey } = pick(secret.tlsCertificate, TLS_CERTIFICATE);
    return { kind: 'certificate', name, chainPem: inline(chain), keyPem: inline(privateKey) };
  }
  if (secret.validationContext !== undefined) {
    const { trustedCa } = pick(secret.validationContext, VALIDATION_CONTEXT);
    return { kind: 'bundle', name, bundlePem: inline(trustedCa) };
  }
  return { kind: 'other', name };
}

const EMPTY = Buffer.alloc(0);

function inline(dataSource: Buffer | undefined): Buffer {
  const { inlineBytes, inlineString } = pick(dataSource ?? EMPTY, DATA_SOURCE);
  return inlineBytes ?? inlineString ?? EMPTY;
}

/** The last of each field wins. (Protocol Buffers, "Last One Wins") */
function pick<K extends string>(message: Buffer, numbers: Readonly<Record<K, number>>): Partial<Record<K, Buffer>> {
  const names = Object.keys(numbers) as K[];
  const found: Partial<Record<K, Buffer>> = {};
  const fields = new WireReader(message);
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    const name = names.find((known) => numbers[known] === field);
    if (name !== undefined) found[name] = fields.value();
  }
  return found;
}
