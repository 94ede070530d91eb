import { createHash } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import {
  nothing,
  objectIdentifier,
  octetString,
  type SignatureAlgorithm,
  sequence,
  unsignedInteger,
} from '../../pki/x509/index.js';

/** What a token is asked for. */
export interface TokenSigning {
  readonly mechanism: number;
  readonly input: Buffer;
}

// Each token has these two; those that hash, too, may be missing. (PKCS #11 Current Mechanisms 3.0, §2.1, §2.3)
const CKM_RSA_PKCS = 0x1;
const CKM_ECDSA = 0x1041;

/** (RFC 8017 §B.1) */
const HASH_OIDS: Readonly<Record<SignatureAlgorithm['hash'], string>> = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

/** How a token is to sign `toBeSigned` by `algorithm`. Pure. */
export function tokenSigning(toBeSigned: Buffer, { keyType, hash }: SignatureAlgorithm): TokenSigning {
  const digest = createHash(hash).update(toBeSigned).digest();
  if (keyType === 'ec') return { mechanism: CKM_ECDSA, input: digest };
  // DigestInfo; the token adds the padding. (RFC 8017 §9.2)
  const digestInfo = sequence(sequence(objectIdentifier(HASH_OIDS[hash]), nothing()), octetString(digest));
  return { mechanism: CKM_RSA_PKCS, input: digestInfo };
}

/**
 * A token's signature as X.509 has it: of ECDSA the two numbers, which the token gives one after the other, in DER.
 * Pure. (PKCS #11 Current Mechanisms §2.3.1; RFC 3279 §2.2.3)
 * @throws IdentityError `ERR_CA_KEY_UNAVAILABLE`: it is none.
 */
export function x509Signature(raw: Buffer, { keyType }: SignatureAlgorithm): Buffer {
  if (raw.length === 0 || (keyType === 'ec' && raw.length % 2 !== 0)) {
    throw new IdentityError(
      'ERR_CA_KEY_UNAVAILABLE',
      `token: got a signature of ${raw.length} octets, expected another`,
    );
  }
  if (keyType === 'rsa') return raw;
  const middle = raw.length / 2;
  return sequence(unsignedInteger(raw.subarray(0, middle)), unsignedInteger(raw.subarray(middle)));
}
