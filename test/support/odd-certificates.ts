import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import * as der from '../../src/pki/x509/der-writer.js';

/** Certificates of any shape, right or wrong, for tests that hold our verdict against that of others. */

export interface OddKeys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const CURVES = { p224: 'secp224r1', p256: 'P-256', p384: 'P-384', p521: 'P-521', k1: 'secp256k1' } as const;

export function oddKeys(kind: keyof typeof CURVES | 'rsa1024' | 'rsa2048' | 'ed25519'): OddKeys {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519');
  if (kind === 'rsa1024' || kind === 'rsa2048') {
    return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) });
  }
  return generateKeyPairSync('ec', { namedCurve: CURVES[kind] });
}

export interface OddShape {
  /** A whole Name. */
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly issuer: { readonly subject: Buffer; readonly privateKey: KeyObject };
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whole extensions. */
  readonly extensions: readonly Buffer[];
  readonly hash?: 'sha1' | 'sha256' | 'sha384';
}

/** In DER. */
export function oddCertificate(shape: OddShape): Buffer {
  const { subject, publicKey, issuer, extensions, hash = 'sha256' } = shape;
  const algorithm = algorithmOf(issuer.privateKey, hash);
  const toBeSigned = der.sequence(
    der.contextConstructed(0, der.unsignedInteger(Buffer.of(2))),
    der.unsignedInteger(Buffer.concat([Buffer.of(0x40), randomBytes(15)])),
    algorithm,
    issuer.subject,
    der.sequence(der.time(shape.notBeforeMs), der.time(shape.notAfterMs)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der.contextConstructed(3, der.sequence(...extensions))] : []),
  );
  const isEd25519 = issuer.privateKey.asymmetricKeyType === 'ed25519';
  const signature = sign(isEd25519 ? null : hash, toBeSigned, issuer.privateKey);
  return der.sequence(toBeSigned, algorithm, der.bitString(signature));
}

const ECDSA = { sha1: '1.2.840.10045.4.1', sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3' } as const;
const RSA = { sha1: '1.2.840.113549.1.1.5', sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12' } as const;

function algorithmOf(key: KeyObject, hash: keyof typeof RSA): Buffer {
  if (key.asymmetricKeyType === 'ed25519') return der.sequence(der.objectIdentifier('1.3.101.112'));
  if (key.asymmetricKeyType === 'rsa') return der.sequence(der.objectIdentifier(RSA[hash]), der.nothing());
  return der.sequence(der.objectIdentifier(ECDSA[hash]));
}

const ATTRIBUTES = {
  CN: '2.5.4.3',
  O: '2.5.4.10',
  email: '1.2.840.113549.1.9.1',
  mail: '1.2.840.113549.1.9.1',
} as const;

/** A Name of these attributes in their order; `mail` is an address in the wrong kind of string. */
export function oddName(...attributes: readonly (readonly [keyof typeof ATTRIBUTES, string])[]): Buffer {
  return der.sequence(
    ...attributes.map(([type, text]) =>
      der.setOfOne(der.sequence(der.objectIdentifier(ATTRIBUTES[type]), stringOf(type, text))),
    ),
  );
}

/** IA5String for a mail address, as verifiers want it. */
function stringOf(type: keyof typeof ATTRIBUTES, text: string): Buffer {
  return type === 'email' ? der.element(0x16, Buffer.from(text)) : der.utf8String(text);
}

/** SubjectKeyIdentifier and AuthorityKeyIdentifier: any octets that name a key. */
export function keyIdentifiers(own: KeyObject, issuer: KeyObject): Buffer[] {
  const idOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' }).subarray(-20);
  return [
    extension('2.5.29.14', false, der.octetString(idOf(own))),
    extension('2.5.29.35', false, der.sequence(der.contextPrimitive(0, idOf(issuer)))),
  ];
}

/** A whole Extension. */
export function extension(oid: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [der.booleanTrue()] : [];
  return der.sequence(der.objectIdentifier(oid), ...critical, der.octetString(value));
}

/** CA:TRUE, with a pathLenConstraint if one is given. */
export function caConstraints(pathLength?: number): Buffer {
  const length = pathLength === undefined ? [] : [der.unsignedInteger(Buffer.of(pathLength))];
  return extension('2.5.29.19', true, der.sequence(der.booleanTrue(), ...length));
}

const USAGES = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, cRLSign: 0x02 } as const;

export function keyUsage(...names: readonly (keyof typeof USAGES)[]): Buffer {
  const octet = names.reduce((sum, name) => sum | USAGES[name], 0);
  return extension('2.5.29.15', true, der.bitString(Buffer.of(octet), 31 - Math.clz32(octet & -octet)));
}

export const EXTENDED = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  any: '2.5.29.37.0',
} as const;

export function extendedKeyUsage(...names: readonly (keyof typeof EXTENDED)[]): Buffer {
  return extension('2.5.29.37', false, der.sequence(...names.map((name) => der.objectIdentifier(EXTENDED[name]))));
}

/** GeneralNames, whole. */
export const general = {
  email: (text: string): Buffer => der.contextPrimitive(1, Buffer.from(text)),
  dns: (text: string): Buffer => der.contextPrimitive(2, Buffer.from(text)),
  directory: (name: Buffer): Buffer => der.contextConstructed(4, name),
  uri: (text: string): Buffer => der.contextPrimitive(6, Buffer.from(text)),
  ip: (...octets: readonly number[]): Buffer => der.contextPrimitive(7, Buffer.from(octets)),
};

export function alternativeNames(...names: readonly Buffer[]): Buffer {
  return extension('2.5.29.17', true, der.sequence(...names));
}

export interface Subtrees {
  readonly permitted?: readonly Buffer[];
  readonly excluded?: readonly Buffer[];
  readonly isCritical?: boolean;
}

export function nameConstraints({ permitted = [], excluded = [], isCritical = true }: Subtrees): Buffer {
  const subtrees = (number: number, bases: readonly Buffer[]): Buffer[] =>
    bases.length === 0 ? [] : [der.contextConstructed(number, ...bases.map((base) => der.sequence(base)))];
  return extension('2.5.29.30', isCritical, der.sequence(...subtrees(0, permitted), ...subtrees(1, excluded)));
}

/** anyPolicy. */
export function anyPolicy(): Buffer {
  return extension('2.5.29.32', false, der.sequence(der.sequence(der.objectIdentifier('2.5.29.32.0'))));
}

/** requireExplicitPolicy after so many certificates. */
export function explicitPolicy(after: number): Buffer {
  return extension('2.5.29.36', true, der.sequence(der.contextPrimitive(0, Buffer.of(after))));
}

/** An extension that nobody knows. */
export function unknownExtension(isCritical: boolean): Buffer {
  return extension('1.3.6.1.4.1.99999.1', isCritical, der.nothing());
}
