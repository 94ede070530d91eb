import { constants } from 'node:crypto';

/** Those of TLS 1.3, as Node has them. All are AEAD with forward secrecy. (RFC 8446 §B.4) */
const TLS_1_3 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/** Of TLS 1.2 the same kind: HTTP/2 forbids all others. (RFC 9113 §9.2.2 and appendix A; RFC 9325 §4.2) */
const TLS_1_2 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/**
 * 112 bits: RSA from 2048 bits on, and no SHA-1 in a signature, for both sides' certificates.
 * (SSL_CTX_set_security_level(3))
 */
const SECURITY_LEVEL = '@SECLEVEL=2';

/**
 * For every TLS connection that we open or take, whatever the command line of Node says. Renegotiation and compression
 * are off, as HTTP/2 wants. (RFC 9113 §9.2.1)
 */
export const TLS_PARAMETERS = {
  minVersion: 'TLSv1.2',
  ciphers: [...TLS_1_3, ...TLS_1_2, SECURITY_LEVEL].join(':'),
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
} as const;
