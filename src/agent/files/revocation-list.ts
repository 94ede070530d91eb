import { verify, type X509Certificate } from 'node:crypto';
import {
  bitsOf,
  DerTag,
  type DerView,
  isSameName,
  type RelativeName,
  readExtension,
  readNameIn,
  readTime,
  sequenceIn,
  sequenceOf,
} from '../../pki/x509/index.js';

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
  /** Whether it has the certificate of this serial, in hex. Goes over the whole list. */
  revokes(serial: string): boolean;
}

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

/**
 * Reads a list in DER, `CertificateList { tbsCertList, signatureAlgorithm, signatureValue }`; `undefined` when it is
 * none.
 */
export function readRevocationList(der: Buffer): RevocationList | undefined {
  const [toBeSigned, algorithm, signature, ...more] = sequenceIn(der) ?? [];
  const fields = readFields(toBeSigned);
  const identifier = sequenceOf(algorithm);
  const bytes = bitsOf(signature);
  const isWhole = toBeSigned !== undefined && more.length === 0;
  if (!isWhole || fields === undefined || identifier === undefined || bytes === undefined) return undefined;
  const hash = HASHES[identifier[0]?.content.toString('hex') ?? ''];
  return {
    ...fields,
    der,
    revokes: (serial) => hasSerial(toBeSigned, serial),
    isSignedBy: (ca) => (hash === undefined ? undefined : isSignature(hash, toBeSigned.raw, ca, bytes)),
  };
}

/** `version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, [0] crlExtensions?`. */
function readFields(
  toBeSigned: DerView | undefined,
): Omit<RevocationList, 'der' | 'isSignedBy' | 'revokes'> | undefined {
  const all = sequenceOf(toBeSigned) ?? [];
  const [, issuerField, ...others] = all[0]?.tag === DerTag.integer ? all.slice(1) : all;
  const issuer = issuerField && readNameIn(issuerField);
  const times = others.filter(isTime).map(readTime);
  const [thisUpdateMs, nextUpdateMs = Number.POSITIVE_INFINITY] = times;
  if (issuer === undefined || thisUpdateMs === undefined || times.includes(undefined)) return undefined;
  const extensions = readExtensionsOf(others);
  if (extensions === undefined) return undefined;
  const critical = extensions.find(({ isCritical }) => isCritical)?.oid;
  return { issuer, thisUpdateMs, nextUpdateMs, critical: critical && (NAMES[critical] ?? critical) };
}

/** Those of the list, and of its entries `{ serial, date, extensions? }`; `undefined` when one of them is no DER. */
function readExtensionsOf(fields: readonly DerView[]): { oid: string; isCritical: boolean }[] | undefined {
  const ofList = fields.find(({ tag }) => tag === DerTag.context0);
  const revoked = fields.find(({ tag }) => tag === DerTag.sequence);
  const lists = ofList === undefined ? [] : [ofList.parts?.[0]];
  for (const entry of revoked === undefined ? [] : (revoked.parts ?? [undefined])) {
    const parts = sequenceOf(entry) ?? [];
    if (parts.length < 2) return undefined;
    if (parts.length > 2) lists.push(parts[2]);
  }
  const extensions = lists.flatMap((list) => sequenceOf(list)?.map(readExtension) ?? [undefined]);
  return extensions.every((one) => one !== undefined) ? extensions : undefined;
}

function hasSerial(toBeSigned: DerView, serial: string): boolean {
  // The algorithm of the signature and the issuer are sequences, too, and come first.
  const [, , revoked] = (sequenceOf(toBeSigned) ?? []).filter(({ tag }) => tag === DerTag.sequence);
  const wanted = BigInt(`0x${serial}`);
  return (revoked?.parts ?? []).some((entry) => {
    const [number] = sequenceOf(entry) ?? [];
    return number !== undefined && BigInt(`0x0${number.content.toString('hex')}`) === wanted;
  });
}

function isTime({ tag }: DerView): boolean {
  return tag === DerTag.utcTime || tag === DerTag.generalizedTime;
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
