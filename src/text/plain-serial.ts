/** The serial number of a certificate, in hex, as it is compared: each program writes other cases and leading zeros. */
export function plainSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}
