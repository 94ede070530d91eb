import { IdentityError } from '../../errors/index.js';
import {
  DerTag,
  type DerView,
  extensionValue,
  type GeneralName,
  isStrictDer,
  keyTypeOf,
  NameTag,
  namesText,
  Oid,
  readDer,
  readPem,
  sequenceOf,
} from '../../pki/x509/index.js';
import type { IssuingTerms } from './issuing-terms.js';

/** As the check of its signature has it. */
const MAX_CSR_BYTES = 16 * 1024;

/** `O=""`, as Istio's agents write it: an attribute whose value has no octets. (reference: Istio 3.2, 3) */
const ORGANIZATION = Oid.organizationName;

/** What an identity's leaf is about to have. */
export interface LeafNames {
  /** The SPIFFE ID, and the same path in the aliases of its trust domain. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

/**
 * Holds a CSR against the terms of its identity, before it is looked at any further. Its signature and its form are
 * checked by who issues. Costs some ten microseconds, and nothing where the terms say nothing of CSRs.
 * @throws IdentityError `ERR_POLICY_REFUSED`: its key is of another kind, or it asks for what the leaf will not have;
 *   `ERR_CSR_INVALID`: it does not parse.
 */
export function checkCsrContent(csrPem: Buffer, terms: IssuingTerms, leaf: LeafNames): void {
  const { keyTypes, csr, from } = terms;
  if (keyTypes === undefined && csr === 'any') return;
  const content = readCsr(csrPem);
  if (keyTypes?.some((type) => type === content.keyType) === false) {
    throw refused(
      `public key: got ${content.keyType ?? 'another kind'}, expected ${keyTypes.join(', ')}`,
      from.keyTypes,
    );
  }
  if (csr === 'strict') checkStrict(content, leaf, from.csr);
}

interface CsrContent {
  /** `undefined`: of a kind that nothing is issued for. */
  readonly keyType: string | undefined;
  readonly subject: DerView;
  /** Types, as whole elements. */
  readonly attributes: readonly DerView[];
  readonly extensions: readonly DerView[];
  readonly names: readonly GeneralName[];
}

/** (RFC 2986 §4) */
function readCsr(csrPem: Buffer): CsrContent {
  const limits = { what: 'CSR', code: 'ERR_CSR_INVALID', maxBytes: MAX_CSR_BYTES, maxBlocks: 1 } as const;
  const [block] = readPem(csrPem, limits);
  const csr = block && readDer(block.der);
  if (csr === undefined || !isStrictDer(csr)) throw unreadable();
  const [, subject, publicKeyInfo, holder] = sequenceOf(sequenceOf(csr)?.[0]) ?? [];
  if (subject?.tag !== DerTag.sequence || publicKeyInfo === undefined) throw unreadable();
  const attributes = (holder?.parts ?? []).map((attribute) => sequenceOf(attribute) ?? []);
  const requests = attributes.filter(([type]) => type?.raw.equals(Oid.extensionRequest));
  const extensions = requests.flatMap(([, values]) =>
    (values?.parts ?? []).flatMap((value) => sequenceOf(value) ?? []),
  );
  const names = extensionValue(extensions, Oid.subjectAltName);
  if (names === 'malformed') throw unreadable();
  return {
    keyType: keyTypeOf(publicKeyInfo),
    subject,
    attributes: attributes.flatMap(([type]) => type ?? []),
    extensions,
    names: (names?.parts ?? []).map(({ tag, content }) => ({ tag, content })),
  };
}

function checkStrict({ subject, attributes, extensions, names }: CsrContent, leaf: LeafNames, from: string): void {
  if (!isEmptyName(subject)) throw refused('subject: got a name, expected none, or an empty organization', from);
  const others = attributes.filter((type) => !type.raw.equals(Oid.extensionRequest));
  if (others.length > 0) throw refused('attributes: got others than an extension request, expected none', from);
  const isPlain = extensions.every((extension) => extension.parts?.[0]?.raw.equals(Oid.subjectAltName));
  if (!isPlain) throw refused('extensions: got others than subjectAltName, expected none', from);
  const uris = names.filter(({ tag }) => tag === NameTag.uri);
  const areOurs = names.every(({ tag, content }) => {
    const text = content.toString('latin1');
    return (tag === NameTag.uri && leaf.uris.includes(text)) || (tag === NameTag.dns && leaf.dnsNames.includes(text));
  });
  if (areOurs && uris.length === 1) return;
  const got = names.length === 0 ? 'none' : namesText(names);
  throw refused(`names: got ${got}, expected one URI, ${leaf.uris.join(' or ')}, and no names beyond the leaf's`, from);
}

/** No attribute, or organizations without a text. */
function isEmptyName(name: DerView): boolean {
  return (name.parts ?? []).every((relative) =>
    (relative.parts ?? []).every((attribute) => {
      const [type, value] = sequenceOf(attribute) ?? [];
      return type?.raw.equals(ORGANIZATION) === true && value?.content.length === 0;
    }),
  );
}

function unreadable(): IdentityError {
  return new IdentityError('ERR_CSR_INVALID', 'CSR: got bytes that are no PKCS#10 request, expected one in DER');
}

function refused(problem: string, from: string): IdentityError {
  return new IdentityError('ERR_POLICY_REFUSED', `CSR ${problem} (${from})`);
}
