import { execFileSync } from 'node:child_process';
import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { subjectAltName } from '../../src/pki/x509/extension-writer.js';
import { certificate, ecKeys, type KeyPair, pem } from '../hotpath/pki.js';
import { general } from './odd-certificates.js';

const HOUR_MS = 3_600_000;

interface Life {
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

export interface LeafShape extends Life {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** IPv4 or IPv6 as octets. */
  readonly ipAddresses?: readonly (readonly number[])[];
}

export const LOOPBACK_V4 = [127, 0, 0, 1] as const;
export const LOOPBACK_V6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] as const;

/** Roots, intermediates and leaves of any shape, valid around the real clock, made without the code under test. */
export class TestCa {
  private constructor(
    readonly subject: string,
    readonly keys: KeyPair,
    readonly certificate: X509Certificate,
  ) {}

  static root(subject = 'test root', life: Life = {}): TestCa {
    const keys = ecKeys();
    return new TestCa(subject, keys, certificate({ keys, subject, isCa: true, ...within(life) }));
  }

  intermediate(subject = 'test intermediate', life: Life = {}): TestCa {
    const keys = ecKeys();
    return new TestCa(subject, keys, certificate({ keys, subject, issuer: this, isCa: true, ...within(life) }));
  }

  get certificatePem(): Buffer {
    return pem(this.certificate);
  }

  get privateKeyPem(): Buffer {
    return privateKeyPem(this.keys);
  }

  /** A certificate revocation list in PEM, by openssl; with these leaves on it. */
  revocationList(...revoked: readonly X509Certificate[]): string {
    const directory = mkdtempSync(join(tmpdir(), 'sc-crl-'));
    const file = (name: string, content: string | Buffer): string => {
      writeFileSync(join(directory, name), content);
      return join(directory, name);
    };
    const entries = revoked.map(
      ({ serialNumber }) => `R\t301231000000Z\t260101000000Z\t${serialNumber}\tunknown\t/O=x\n`,
    );
    const database = file('index', entries.join(''));
    const config = `[ca]\ndefault_ca=x\n[x]\ndatabase=${database}\ndefault_md=sha256\ndefault_crl_days=1\n`;
    try {
      const keyAndCertificate = [
        '-keyfile',
        file('key', this.privateKeyPem),
        '-cert',
        file('pem', this.certificatePem),
      ];
      return execFileSync('openssl', ['ca', '-config', file('cnf', config), '-gencrl', ...keyAndCertificate], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString();
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  /** A TLS server's certificate and key; by default for `localhost`, 127.0.0.1 and ::1. */
  server(shape: LeafShape = {}): { certPem: Buffer; keyPem: Buffer } {
    const keys = ecKeys();
    const names = { dnsNames: ['localhost'], ipAddresses: [LOOPBACK_V4, LOOPBACK_V6] };
    return { certPem: this.leaf(keys, { ...names, ...shape }), keyPem: privateKeyPem(keys) };
  }

  /** A leaf for a key pair, or for the key of a CSR, whose signature openssl checks. */
  leaf(forWhom: Pick<KeyPair, 'publicKey'> | { readonly csrPem: Buffer | string }, shape: LeafShape = {}): Buffer {
    const publicKey = 'csrPem' in forWhom ? csrPublicKey(forWhom.csrPem) : forWhom.publicKey;
    const { uris = [], dnsNames = [], ipAddresses = [], ...life } = shape;
    const names = [
      ...uris.map(general.uri),
      ...dnsNames.map(general.dns),
      ...ipAddresses.map((octets) => general.ip(...octets)),
    ];
    const more = names.length === 0 ? [] : [subjectAltName(...names)];
    // Only the public half of the subject's key is ever used: the issuer signs.
    const keys = { publicKey, privateKey: this.keys.privateKey };
    return pem(certificate({ keys, subject: '', issuer: this, more, ...within(life) }));
  }
}

function within({ notBeforeMs = Date.now() - HOUR_MS, notAfterMs = Date.now() + HOUR_MS }: Life): Required<Life> {
  return { notBeforeMs, notAfterMs };
}

export function privateKeyPem(keys: KeyPair): Buffer {
  return Buffer.from(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** What a P-256 key begins with as a SubjectPublicKeyInfo, and its length. (RFC 5480 §2) */
const P256_KEY = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const P256_KEY_LENGTH = 91;

/**
 * The P-256 key in a CSR whose signature is not checked: for CAs that are asked by thousands, as openssl is a process
 * for each.
 */
export function p256KeyIn(csrPem: string): KeyPair['publicKey'] {
  const der = Buffer.from(csrPem.replace(/-----.*-----|\s/g, ''), 'base64');
  const at = der.indexOf(P256_KEY);
  return createPublicKey({ key: der.subarray(at, at + P256_KEY_LENGTH), format: 'der', type: 'spki' });
}

function csrPublicKey(csrPem: Buffer | string): KeyObject {
  const publicPem = execFileSync('openssl', ['req', '-verify', '-noout', '-pubkey'], {
    input: csrPem,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return createPublicKey(publicPem);
}
