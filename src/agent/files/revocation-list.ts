import { verify, type X509Certificate } from 'node:crypto';
import { isSameName, type RelativeName, readName } from '../../pki/x509/index.js';
import { Asn1, type Asn1Element, readAsn1, timeOf } from './asn1.js';

/** A certificate revocation list, as far as it is judged by us. (RFC 5280 §5.1) */
export interface RevocationList {
  readonly der: Buffer;
  readonly issuer: readonly RelativeName[];
  /** Epoch milliseconds. */
  readonly thisUpdateMs: number;
  /** Epoch milliseconds: from then on Envoy refuses every peer of the issuer. Never, when the list does not say. */
  readonly nextUpdateMs: number;
  /** The first critical extension, of the list or of an entry; Envoy knows none, and then refuses every peer. */
  readonly critical: string | undefined;
  /** Whether the CA's key has signed it; `undefined` for a kind of signature that is not looked at. */
  isSignedBy(issuer: X509Certificate): boolean | undefined;
}

/** `CertificateList { tbsCertList, signatureAlgorithm, signatureValue }`. */
const FORM = [Asn1.sequence, Asn1.sequence, Asn1.bitString];

/** The hash of each kind of signature, by the content of its OID. (RFC 5758 §3.2; RFC 4055 §5) */
const HASHES: Readonly<Record<string, string>> = {
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
};

/** Extensions that CAs mark critical, for the log. */
const NAMES: Readonly<Record<string, string>> = {
  '551d1c': 'issuingDistributionPoint',
  '551d1b': 'deltaCRLIndicator',
  '551d1d': 'certificateIssuer',
};

/** Reads a list in DER; `undefined` when it is none. */
export async function readRevocationList(der: Buffer): Promise<RevocationList | undefined> {
  const list = await readAsn1(der);
  const [toBeSigned, algorithm, signature] = list?.children ?? [];
  const form = list?.children.map(({ tag }) => tag) ?? [];
  const isList = form.length === FORM.length && FORM.every((tag, at) => form[at] === tag);
  if (!isList || toBeSigned === undefined || algorithm === undefined || signature === undefined) return undefined;
  const fields = readFields(toBeSigned);
  const hash = HASHES[algorithm.children[0]?.content.toString('hex') ?? ''];
  // The first octet says how many bits at the end are none.
  const bytes = signature.content.subarray(1);
  return (
    fields && {
      ...fields,
      der,
      isSignedBy: (ca) => (hash === undefined ? undefined : isSignature(hash, toBeSigned.raw, ca, bytes)),
    }
  );
}

/** `version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, [0] crlExtensions?`. */
function readFields(toBeSigned: Asn1Element): Omit<RevocationList, 'der' | 'isSignedBy'> | undefined {
  const fields = toBeSigned.children.slice(toBeSigned.children[0]?.tag === Asn1.integer ? 1 : 0);
  const [, issuerField, ...others] = fields;
  const issuer = issuerField && readName(issuerField.raw);
  const times = others.filter(isTime);
  const [thisUpdateMs, nextUpdateMs = Number.POSITIVE_INFINITY] = times.map(timeOf);
  if (issuer === undefined || thisUpdateMs === undefined || times.some((one) => timeOf(one) === undefined)) {
    return undefined;
  }
  const entries = others.find(({ tag }) => tag === Asn1.sequence)?.children ?? [];
  const ofList = others.find(({ tag }) => isContext(tag, 0))?.children[0]?.children ?? [];
  const ofEntries = entries.flatMap(({ children }) => children[2]?.children ?? []);
  return { issuer, thisUpdateMs, nextUpdateMs, critical: [...ofList, ...ofEntries].map(criticalOid).find(Boolean) };
}

function isTime({ tag }: Asn1Element): boolean {
  return tag === Asn1.utcTime || tag === Asn1.generalizedTime;
}

function isContext(tag: Asn1Element['tag'], number: number): boolean {
  return typeof tag === 'object' && tag[0] === number;
}

/** Of `Extension { extnID, critical?, extnValue }` that is critical. */
function criticalOid({ children: [oid, critical] }: Asn1Element): string | undefined {
  if (critical?.tag !== Asn1.boolean || critical.content[0] === 0) return undefined;
  const hex = oid?.content.toString('hex') ?? '';
  return NAMES[hex] ?? hex;
}

function isSignature(hash: string, signed: Buffer, issuer: X509Certificate, signature: Buffer): boolean {
  try {
    return verify(hash, signed, issuer.publicKey, signature);
  } catch {
    // A key of another kind than the signature, or one that this OpenSSL does not read.
    return false;
  }
}

/** Whether a list is for the peers of this issuer. */
export function isListOf(list: RevocationList, subject: readonly RelativeName[]): boolean {
  return isSameName(list.issuer, subject);
}
