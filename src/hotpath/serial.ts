import { randomBytes } from 'node:crypto';

/** 128 random bits, as Istio takes: twice the entropy that RFC 5280 and the CA/Browser Forum ask for. (Istio C20) */
const SERIAL_BYTES = 16;

/** Drawn again while the first octet is zero, so that its hex form has one length and equals what OpenSSL prints. */
export function newSerial(): Buffer {
  let serial = randomBytes(SERIAL_BYTES);
  while (serial[0] === 0) serial = randomBytes(SERIAL_BYTES);
  return serial;
}
