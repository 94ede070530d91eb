import { createPrivateKey, X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { SpiffeId, TrustBundle } from '../../pki/spiffe/index.js';
import { isIssuedBy, readCertificates } from '../../pki/x509/index.js';
import { type ReceivedSecret, readSecret } from '../xds/secret-reader.js';

/** What can be wrong with a secret. */
export type FleetProblem =
  | 'not a secret'
  | 'wrong name'
  | 'wrong kind'
  | 'certificate does not parse'
  | 'key does not fit the certificate'
  | 'not valid now'
  | 'no SPIFFE ID'
  | 'another identity'
  | 'not trusted by the bundle'
  | 'older than the last'
  | 'later than the end of the last'
  | 'expired at the end'
  | 'bundle invalid';

/** What a secret is, and what is wrong with it when looked at alone. */
export type FleetVerdict = { readonly name: string; readonly problems: readonly FleetProblem[] } & (
  | {
      readonly kind: 'certificate';
      readonly spiffeId: string;
      readonly notBeforeMs: number;
      readonly notAfterMs: number;
      readonly chain: readonly X509Certificate[];
    }
  | { readonly kind: 'bundle'; readonly bundle: TrustBundle | undefined }
  | { readonly kind: 'other' }
);

/** Looks at one resource, whose octets are a whole `Any`. Pure. */
export function judge(any: Buffer): FleetVerdict {
  let secret: ReceivedSecret;
  try {
    secret = readSecret(any);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { kind: 'other', name: '', problems: ['not a secret'] };
  }
  switch (secret.kind) {
    case 'certificate':
      return judgeCertificate(secret.name, secret.chainPem, secret.keyPem);
    case 'bundle':
      return judgeBundle(secret.name, secret.bundlePem);
    case 'other':
      return { kind: 'other', name: secret.name, problems: ['wrong kind'] };
    default:
      return secret satisfies never;
  }
}

/** True when each certificate is signed by the next one, and the last by the bundle. */
export function isTrusted(chain: readonly X509Certificate[], bundle: TrustBundle): boolean {
  const last = chain.at(-1);
  if (last === undefined) return false;
  const roots = bundle.list();
  const isLinked = chain.every((certificate, index) => {
    const issuer = chain[index + 1];
    return issuer === undefined || isIssuedBy(certificate, issuer);
  });
  return isLinked && roots.some((root) => isIssuedBy(last, root) || root.raw.equals(last.raw));
}

function judgeCertificate(name: string, chainPem: Buffer, keyPem: Buffer): FleetVerdict {
  const chain = parseChain(chainPem);
  const [leaf] = chain;
  if (leaf === undefined) {
    const problems: FleetProblem[] = ['certificate does not parse'];
    return { kind: 'certificate', name, problems, spiffeId: '', notBeforeMs: 0, notAfterMs: 0, chain };
  }
  const problems: FleetProblem[] = [];
  const [notBeforeMs, notAfterMs] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  const spiffeId = spiffeIdOf(leaf);
  if (!fits(leaf, keyPem)) problems.push('key does not fit the certificate');
  if (spiffeId === '') problems.push('no SPIFFE ID');
  return { kind: 'certificate', name, problems, spiffeId, notBeforeMs, notAfterMs, chain };
}

function judgeBundle(name: string, pem: Buffer): FleetVerdict {
  try {
    return { kind: 'bundle', name, problems: [], bundle: TrustBundle.parsePem(pem) };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return { kind: 'bundle', name, problems: ['bundle invalid'], bundle: undefined };
  }
}

/** A secret is bounded by the message that it comes in. */
const CHAIN_LIMITS = {
  what: 'certificate chain',
  code: 'ERR_SVID_MALFORMED',
  maxBytes: Number.POSITIVE_INFINITY,
  maxBlocks: 100,
} as const;

/** The certificates in their order; none when one of them does not parse. */
export function parseChain(pem: Buffer): X509Certificate[] {
  try {
    return readCertificates(pem, CHAIN_LIMITS).map((der) => new X509Certificate(der));
  } catch {
    return [];
  }
}

function fits(leaf: X509Certificate, keyPem: Buffer): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

/** The only URI name, when it is a SPIFFE ID; else empty. (X509-SVID §2: exactly one URI SAN) */
export function spiffeIdOf(leaf: X509Certificate): string {
  const uris = (leaf.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  const [uri = ''] = uris;
  if (uris.length !== 1) return '';
  try {
    return SpiffeId.parse(uri.slice('URI:'.length)).toString();
  } catch {
    return '';
  }
}
