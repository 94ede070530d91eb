import { X509Certificate } from 'node:crypto';
import { certificateFingerprint, distinguishedNameText, readFacts } from '../pki/x509/index.js';
import { Field } from '../telemetry/index.js';
import { clipped } from '../text/index.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

const MAX_NAME_CHARS = 200;
const MAX_NAMES = 16;

/** The first octet of a KeyUsage, from its highest bit on. (RFC 5280 §4.2.1.3) */
const USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
];

/** (RFC 5280 §4.2.1.12) */
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
};

/** A certificate as people and `sidecert explain` know it; of one that cannot be read there is `error`. */
export function shownCertificate(der: Buffer): Readonly<Record<string, JsonValue>> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return { error: `${der.length} octets that are no certificate` };
  }
  const facts = readFacts(der);
  const { serialNumber, subjectAltName = '' } = certificate;
  const common = { fingerprint: certificateFingerprint(certificate) };
  if (typeof facts === 'string') return { ...common, error: facts };
  const { keyUsage } = facts;
  const names = subjectAltName === '' ? [] : subjectAltName.split(', ');
  return {
    ...common,
    [Field.serial]: serialNumber.toLowerCase(),
    subject: clipped(distinguishedNameText(facts.subject), MAX_NAME_CHARS),
    issuer: clipped(distinguishedNameText(facts.issuer), MAX_NAME_CHARS),
    sans: names.slice(0, MAX_NAMES).map((name) => clipped(name, MAX_NAME_CHARS)),
    key_type: keyTypeOf(certificate),
    key_usage: keyUsage === undefined ? undefined : USAGES.filter((_name, bit) => (keyUsage & (0x80 >> bit)) !== 0),
    // Node.js calls the extended one so.
    extended_key_usage: certificate.keyUsage?.map((oid) => EXTENDED_USAGES[oid] ?? oid),
    [Field.notBefore]: timeText(facts.notBeforeMs),
    [Field.notAfter]: timeText(facts.notAfterMs),
  };
}

/** As `--key-type` calls it, where it does. */
function keyTypeOf(certificate: X509Certificate): string {
  try {
    const { asymmetricKeyType = 'unknown', asymmetricKeyDetails = {} } = certificate.publicKey;
    const { namedCurve, modulusLength } = asymmetricKeyDetails;
    if (namedCurve !== undefined) return `ec ${namedCurve}`;
    return modulusLength === undefined ? asymmetricKeyType : `${asymmetricKeyType} ${modulusLength}`;
  } catch {
    // A kind of key that this OpenSSL does not read.
    return 'unknown';
  }
}

const BLOCK = /-----BEGIN (?:CERTIFICATE|X509 CRL)-----([^-]+)-----END/g;

/** Each block of a PEM as DER. */
export function derBlocks(pem: Buffer): Buffer[] {
  return [...pem.toString('latin1').matchAll(BLOCK)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}
