/** What certificates say by object identifier, as the hex of its content octets: short, and quick to compare. */

/** RFC 5280 §4.2.1, Netscape certificate extensions. */
export const ExtensionOid = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  certificatePolicies: '551d20',
  policyMappings: '551d21',
  policyConstraints: '551d24',
  extendedKeyUsage: '551d25',
  inhibitAnyPolicy: '551d36',
  netscapeCertificateType: '6086480186f8420101',
  tlsFeature: '2b06010505070118',
} as const;

/**
 * The extensions that may be critical: those that OpenSSL, BoringSSL (Envoy) and Go all know. Any other one, marked
 * critical, makes a peer refuse the certificate.
 */
export const MAY_BE_CRITICAL: ReadonlySet<string> = new Set([
  ExtensionOid.keyUsage,
  ExtensionOid.subjectAltName,
  ExtensionOid.basicConstraints,
  ExtensionOid.nameConstraints,
  ExtensionOid.certificatePolicies,
  ExtensionOid.policyMappings,
  ExtensionOid.policyConstraints,
  ExtensionOid.extendedKeyUsage,
  ExtensionOid.inhibitAnyPolicy,
]);

export const EXTENDED_KEY_USAGE = { serverAuth: '2b06010505070301', clientAuth: '2b06010505070302' } as const;

/** The first octet of a KeyUsage. (RFC 5280 §4.2.1.3) */
export const KEY_USAGE = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const;

/** The first octet of a Netscape certificate type. */
export const NETSCAPE_TYPE = { client: 0x80, server: 0x40 } as const;

/** Its AlgorithmIdentifier is the same for keys and signatures, in hex. (RFC 8410 §3) */
const ED25519 = '300506032b6570';

/** Signatures that all verifiers take, as whole AlgorithmIdentifiers in hex. (RFC 5758 §3.2; RFC 4055 §5) */
export const GOOD_SIGNATURES: ReadonlySet<string> = new Set([
  ED25519,
  // ECDSA with SHA-256, SHA-384, SHA-512
  '300a06082a8648ce3d040302',
  '300a06082a8648ce3d040303',
  '300a06082a8648ce3d040304',
  // RSA PKCS#1 v1.5 with the same
  '300d06092a864886f70d01010b0500',
  '300d06092a864886f70d01010c0500',
  '300d06092a864886f70d01010d0500',
  // RSA-PSS with the same, MGF1 with the same hash, salt as long as the hash
  '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
  '304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130',
  '304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140',
]);

/** Signatures that are refused, by a name for people; the key is the content of the algorithm's OID. */
export const WEAK_SIGNATURES: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'MD5',
  '2a864886f70d010105': 'SHA-1',
  '2a8648ce3d0401': 'SHA-1',
};

/** Keys of issuers that Envoy, Go and OpenSSL take, but RSA: whole AlgorithmIdentifiers in hex. (RFC 5480 §2.1.1) */
export const GOOD_KEYS: ReadonlySet<string> = new Set([
  ED25519,
  '301306072a8648ce3d020106082a8648ce3d030107',
  '301006072a8648ce3d020106052b81040022',
  '301006072a8648ce3d020106052b81040023',
]);

/** RFC 3279 §2.3.1 */
export const RSA_KEY = '300d06092a864886f70d0101010500';

/** Below: no longer accepted. (NIST SP 800-131A; Envoy refuses such a leaf) */
export const MIN_RSA_BITS = 2048;
