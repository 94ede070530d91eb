import { DerTag, type DerView, sequenceIn, sequenceOf } from './der-view.js';
import { emailsIn, isSameName, type RelativeName, readNameIn } from './distinguished-name.js';
import { type Extensions, NO_EXTENSIONS, readExtensions } from './extensions.js';
import { type GeneralName, NameTag } from './general-name.js';
import { keyProblem, signatureProblem, weakHashOf } from './key-strength.js';
import type { Problem } from './problem.js';
import { readTime } from './time.js';

/**
 * What counts of a certificate when a path is built: read from its DER, since `X509Certificate` shows little of it. The
 * same as native/facts.h. (RFC 5280 §4.1)
 */
export interface CertificateFacts extends Extensions {
  readonly issuer: readonly RelativeName[];
  readonly subject: readonly RelativeName[];
  /** Names itself as its issuer. (RFC 5280 §3.2) */
  readonly isSelfIssued: boolean;
  /** Epoch milliseconds; both ends belong to the period. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
  /**
   * What name constraints of its issuers hold for: its alternative names, its subject, and the mail addresses in that.
   */
  readonly constrainedNames: readonly GeneralName[];
  /** SubjectPublicKeyInfo, the whole element. */
  readonly publicKeyInfo: Buffer;
  /** Why its public key may sign nothing. */
  readonly keyProblem: Problem | undefined;
  /** Why its signature proves nothing. */
  readonly signatureProblem: Problem | undefined;
  /** By MD5 or SHA-1, which can be forged; other signatures of an unusual kind are not. */
  readonly isWeaklySigned: boolean;
}

/** The only kind of string that a mail address may have. (RFC 2985 §5.2.1) */
const IA5_STRING = 0x16;

const VERSION_3 = Buffer.from([0x02, 0x01, 0x02]);

/** Reads a certificate that OpenSSL has parsed. A `string` says what is malformed. */
export function readFacts(der: Buffer): CertificateFacts | string {
  const [toBeSigned, algorithm, signature, ...more] = sequenceIn(der) ?? [];
  const fields = sequenceOf(toBeSigned);
  if (fields === undefined || algorithm === undefined || signature === undefined || more.length > 0)
    return 'a structure that is no DER';
  const version = fields[0]?.tag === DerTag.context0 ? fields.shift()?.content : undefined;
  const [, , issuerField, validity, subjectField, publicKeyInfo, ...others] = fields;
  if (
    issuerField === undefined ||
    validity === undefined ||
    subjectField === undefined ||
    publicKeyInfo === undefined
  ) {
    return 'a structure that is no DER';
  }
  const [issuer, subject, times] = [readNameIn(issuerField), readNameIn(subjectField), readValidity(validity)];
  if (issuer === undefined || subject === undefined) return 'a name that is no DER';
  if (times === undefined) return 'dates that are none';
  const extensions = extensionsOf(others, version);
  if (typeof extensions === 'string') return extensions;
  const ofSignature = signatureProblem(algorithm.raw);
  return {
    ...extensions,
    ...times,
    issuer,
    subject,
    isSelfIssued: isSameName(issuer, subject),
    constrainedNames: [...(extensions.names ?? []), ...subjectNames(subjectField, subject)],
    publicKeyInfo: publicKeyInfo.raw,
    keyProblem: keyProblem(publicKeyInfo),
    signatureProblem: ofSignature,
    isWeaklySigned: ofSignature !== undefined && weakHashOf(algorithm.raw) !== undefined,
  };
}

function readValidity(view: DerView): { notBeforeMs: number; notAfterMs: number } | undefined {
  const [notBefore, notAfter] = sequenceOf(view) ?? [];
  const [notBeforeMs, notAfterMs] = [readTime(notBefore), readTime(notAfter)];
  return notBeforeMs === undefined || notAfterMs === undefined ? undefined : { notBeforeMs, notAfterMs };
}

/** Unique identifiers, if any, come first, and count for nothing. Only version 3 has extensions. */
function extensionsOf(fields: readonly DerView[], version: Buffer | undefined): Extensions | string {
  const field = fields.find(({ tag }) => tag === DerTag.context3);
  if (field === undefined) return NO_EXTENSIONS;
  if (version?.equals(VERSION_3) !== true) return 'extensions in a certificate that is not of version 3';
  return readExtensions(field);
}

function subjectNames(field: DerView, subject: readonly RelativeName[]): GeneralName[] {
  if (subject.length === 0) return [];
  const emails = emailsIn(subject).map(({ tag, value }) => ({
    tag: tag === IA5_STRING ? NameTag.email : NameTag.none,
    content: value,
  }));
  return [{ tag: NameTag.directory, content: field.raw }, ...emails];
}
