import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { errorCodeOf } from '../../src/errors/index.js';
import * as der from '../../src/pki/x509/der-writer.js';
import * as extension from '../../src/pki/x509/extension-writer.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { Oid } from '../../src/pki/x509/oids.js';
import { general } from '../support/odd-certificates.js';

/** A wall clock for all tests of the room: certificates are made around it. */
export const NOW_MS = Date.UTC(2026, 10, 24, 12, 0, 0);
export const HOUR_MS = 3_600_000;
export const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function ecKeys(namedCurve = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

export function pkcs8(key: KeyObject): Buffer {
  return key.export({ type: 'pkcs8', format: 'der' });
}

export interface CertificateShape {
  readonly keys: KeyPair;
  readonly subject: string;
  /** Who signs; itself when left out. */
  readonly issuer?: { readonly keys: KeyPair; readonly subject: string };
  readonly isCa?: boolean;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Whole extensions in addition. */
  readonly more?: readonly Buffer[];
}

/** A certificate of any shape, right or wrong, signed by P-256. */
export function certificate(shape: CertificateShape): X509Certificate {
  const { keys, subject, issuer = shape, isCa = false, uris = [], dnsNames = [], more = [] } = shape;
  const names = [...uris.map(general.uri), ...dnsNames.map(general.dns)];
  const extensions = [
    isCa ? extension.caKeyUsage() : extension.leafKeyUsage(),
    extension.basicConstraints(isCa),
    ...(names.length > 0 ? [extension.subjectAltName(...names)] : []),
    ...more,
  ];
  const algorithm = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
  const toBeSigned = der.sequence(
    der.contextConstructed(0, der.unsignedInteger(Buffer.from([2]))),
    der.unsignedInteger(randomBytes(16)),
    algorithm,
    name(issuer.subject),
    der.sequence(der.time(shape.notBeforeMs ?? NOW_MS - HOUR_MS), der.time(shape.notAfterMs ?? NOW_MS + HOUR_MS)),
    name(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der.contextConstructed(3, der.sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuer.keys.privateKey);
  return new X509Certificate(der.sequence(toBeSigned, algorithm, der.bitString(signature)));
}

function name(organization: string): Buffer {
  if (organization === '') return der.sequence();
  return der.sequence(der.setOfOne(der.sequence(Oid.organizationName, der.utf8String(organization))));
}

export function pem(...certificates: readonly X509Certificate[]): Buffer {
  return Buffer.concat(certificates.map(({ raw }) => encodePem('CERTIFICATE', raw)));
}

/** Runs the `openssl` CLI; its standard output. It fails the test when openssl refuses. */
export function openssl(args: readonly string[], input?: Buffer): string {
  return opensslBytes(args, input).toString();
}

export function opensslBytes(args: readonly string[], input?: Buffer): Buffer {
  return execFileSync('openssl', args, { input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] });
}

/** The code that `act` throws, `'none'` when it does not. */
export function codeOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return errorCodeOf(error);
  }
}

/** The code that `promise` rejects with, `'none'` when it does not. */
export async function rejectionCode(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'none', errorCodeOf);
}

/** A signed CSR of any shape. */
export function signedCsr(keys: KeyPair, { hash = 'sha256', algorithm, attributes = [] }: CsrShape = {}): Buffer {
  const publicKeyInfo = keys.publicKey.export({ type: 'spki', format: 'der' });
  const toBeSigned = der.sequence(
    der.unsignedInteger(Buffer.from([0])),
    der.sequence(),
    publicKeyInfo,
    der.contextConstructed(0, ...attributes),
  );
  const identifier = algorithm ?? der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
  return csrPem(der.sequence(toBeSigned, identifier, der.bitString(sign(hash, toBeSigned, keys.privateKey))));
}

export interface CsrShape {
  readonly hash?: string;
  readonly algorithm?: Buffer;
  readonly attributes?: readonly Buffer[];
}

export function csrPem(csrDer: Buffer): Buffer {
  return encodePem('CERTIFICATE REQUEST', csrDer);
}

/** The octets of the first PEM block, by Node's own base64. */
export function derOf(text: Buffer): Buffer {
  return Buffer.from(/-----BEGIN [A-Z ]+-----([^-]*)-----END/.exec(String(text))?.[1] ?? '', 'base64');
}
