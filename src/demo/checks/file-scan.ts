import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckFailed } from './checklist.js';

/** The armour of PEM, whatever is inside it. (RFC 7468 §2) */
const PEM_FORMS: readonly (readonly [string, RegExp])[] = [
  ['PEM private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['PEM certificate', /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/],
];

/** The beginnings that the usual binary encodings share, in hexadecimal; `..` stands for any byte (a length). */
const DER_FORMS: readonly (readonly [string, RegExp])[] = [
  // INTEGER 0, SEQUENCE { OID id-ecPublicKey (RFC 5208 §5, RFC 5480 §2.1.1)
  ['DER private key (PKCS#8, EC)', /02010030..06072a8648ce3d0201/g],
  // SEQUENCE { INTEGER 1, OCTET STRING of 32 or 48 bytes (RFC 5915 §3)
  ['DER private key (SEC1)', /30(?:..|81..)02010104[23]0/g],
  // INTEGER 0, SEQUENCE { OID rsaEncryption (RFC 5208 §5, RFC 8017 §A.1)
  ['DER private key (PKCS#8, RSA)', /02010030..06092a864886f70d010101/g],
  // SEQUENCE { INTEGER 0, INTEGER modulus (RFC 8017 §A.1.2)
  ['DER private key (PKCS#1)', /3082....0201000282....00/g],
  // SEQUENCE { SEQUENCE { [0] { INTEGER 2 }, INTEGER serialNumber (RFC 5280 §4.1)
  ['DER certificate', /3082....3082....a00302010202/g],
];

/** The names of the forms of key material that `bytes` hold. Pure. */
function keyMaterialIn(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  const hex = bytes.toString('hex');
  return [
    ...PEM_FORMS.filter(([, pattern]) => pattern.test(text)),
    // Two hexadecimal digits are a byte: what begins between two bytes is no find.
    ...DER_FORMS.filter(([, pattern]) => [...hex.matchAll(pattern)].some(({ index }) => index % 2 === 0)),
  ].map(([name]) => name);
}

interface ScanResult {
  readonly files: number;
  readonly bytes: number;
  /** `path: form` of each find. */
  readonly found: readonly string[];
}

/**
 * Reads every regular file below `directory`. Links are not followed: what they lead to inside is read where it lies.
 */
async function scanFiles(directory: string): Promise<ScanResult> {
  const paths = await readdir(directory, { recursive: true });
  let files = 0;
  let bytes = 0;
  const found: string[] = [];
  for (const path of paths) {
    if (!(await lstat(join(directory, path))).isFile()) continue;
    const content = await readFile(join(directory, path));
    files += 1;
    bytes += content.length;
    found.push(...keyMaterialIn(content).map((form) => `${path}: ${form}`));
  }
  return { files, bytes, found };
}

/**
 * No key and no certificate below `workloads`; the directory of the CA, which must have both, shows that the scan sees
 * them.
 */
export async function expectNoKeyMaterial(workloads: string, citadel: string): Promise<string> {
  const control = await scanFiles(citadel);
  if (!control.found.some((find) => find.includes('private key'))) {
    throw new CheckFailed("the scan did not find the key in the CA's own directory, so it would find none anywhere");
  }
  const { files, bytes, found } = await scanFiles(workloads);
  if (found.length > 0) throw new CheckFailed(`found ${found.join(', ')}`);
  return `${files} files with ${bytes} bytes read, none found (in the directory of the CA: ${control.found.length})`;
}
