import { DerTag, keyTypeOf, readCertificates, sequenceIn, sequenceOf } from '../../pki/x509/index.js';

/** The type of a leaf's public key: read from what was signed, not from what was asked for. */
export function leafKeyType(leafPem: Buffer): string | undefined {
  const [der = Buffer.alloc(0)] = readCertificates(leafPem, OWN_LEAF);
  const fields = sequenceOf(sequenceIn(der)?.[0]) ?? [];
  const publicKeyInfo = fields[fields[0]?.tag === DerTag.context0 ? 6 : 5];
  return publicKeyInfo && keyTypeOf(publicKeyInfo);
}

const OWN_LEAF = { what: 'leaf', code: 'ERR_HOTPATH_FAILED', maxBytes: 64 * 1024, maxBlocks: 1 } as const;
