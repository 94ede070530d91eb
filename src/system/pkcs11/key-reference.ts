/** Which private key of which token, in which module. */
export interface Pkcs11KeyReference {
  /** The library of the token's vendor. */
  readonly modulePath: string;
  readonly token: string | undefined;
  readonly serial: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  /** Its label. */
  readonly object: string | undefined;
  /** Its id, in hex. */
  readonly id: string | undefined;
  /** The file with the PIN; without one there is no login. */
  readonly pinFile: string | undefined;
}

/** As messages and the log name it. */
export function nameOfKey({ token, serial, object, id }: Pkcs11KeyReference): string {
  const parts = { token, serial, object, id };
  const told = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return `pkcs11:${told.join(';')}`;
}
