/**
 * Which private key of which token: what a URI of PKCS#11 says. It never holds the PIN, only where that is.
 */
export interface Pkcs11Uri {
  /** The library of the token's vendor. */
  readonly modulePath: string;
  /** The token: all that is given has to fit. */
  readonly token: string | undefined;
  readonly serial: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  /** The key: its label, and its id in hex. One of the two at least. */
  readonly object: string | undefined;
  readonly id: string | undefined;
  /** The file with the PIN. Left out, the token wants no login. */
  readonly pinFile: string | undefined;
}

/** The text is the reason why it is none, without what the URI says. */
export type Pkcs11UriResult = Pkcs11Uri | string;

const SCHEME = 'pkcs11:';

/** Of RFC 7512, §2.3, those that choose a token or a key. */
const PATH_NAMES = ['token', 'serial', 'manufacturer', 'model', 'object', 'id', 'type'] as const;
const QUERY_NAMES = ['module-path', 'pin-source'] as const;

type PathName = (typeof PATH_NAMES)[number];
type QueryName = (typeof QUERY_NAMES)[number];

/**
 * Reads a URI of a private key: `pkcs11:token=…;object=…?module-path=/…&pin-source=/…`. Stricter than RFC 7512: what is
 * not understood is refused, and so is a PIN in the URI itself, which others could read in the list of processes.
 */
export function parsePkcs11Uri(text: string): Pkcs11UriResult {
  if (!text.toLowerCase().startsWith(SCHEME)) return 'another scheme';
  const [path = '', query = '', ...more] = text.slice(SCHEME.length).split('?');
  if (more.length > 0) return 'two question marks';
  const attributes = readAttributes(path, ';', PATH_NAMES);
  const options = readAttributes(query, '&', QUERY_NAMES);
  if (typeof attributes === 'string') return attributes;
  if (typeof options === 'string') return options;
  return keyOf(attributes, options);
}

function keyOf(attributes: ReadonlyMap<PathName, Buffer>, options: ReadonlyMap<QueryName, Buffer>): Pkcs11UriResult {
  const of = (name: PathName): string | undefined => attributes.get(name)?.toString('utf8');
  const [token, serial, object] = [of('token'), of('serial'), of('object')];
  const id = attributes.get('id')?.toString('hex');
  if ((of('type') ?? 'private') !== 'private') return 'a type other than private';
  if (token === undefined && serial === undefined) return 'no token=LABEL and no serial=NUMBER';
  if (object === undefined && id === undefined) return 'no object=LABEL and no id=BYTES';
  const modulePath = options.get('module-path')?.toString('utf8');
  if (modulePath === undefined) return "no module-path=FILE, the library of the token's vendor";
  if (!isAbsoluteFile(modulePath)) return 'a module-path that is not absolute';
  const pinFile = options
    .get('pin-source')
    ?.toString('utf8')
    .replace(/^file:(\/\/(?=\/))?/, '');
  if (pinFile !== undefined && !isAbsoluteFile(pinFile)) return 'a pin-source that is not the absolute path of a file';
  return {
    ...{ modulePath, token, serial, object, id, pinFile },
    ...{ manufacturer: of('manufacturer'), model: of('model') },
  };
}

function isAbsoluteFile(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0');
}

function readAttributes<N extends string>(
  text: string,
  separator: string,
  known: readonly N[],
): Map<N, Buffer> | string {
  const read = new Map<N, Buffer>();
  for (const part of text === '' ? [] : text.split(separator)) {
    const [name = '', ...rest] = part.split('=');
    if (name === 'pin-value') return 'the PIN itself (pin-value), which belongs in a file (pin-source)';
    const knownName = known.find((one) => one === name);
    if (knownName === undefined) return `an attribute that is not one of ${known.join(', ')}`;
    const value = percentDecoded(rest.join('='));
    if (value === undefined || value.length === 0) return `an empty or malformed ${name}`;
    if (read.has(knownName)) return `${name} twice`;
    read.set(knownName, value);
  }
  return read;
}

/** All that RFC 7512 §2.3 lets stand for itself, and percent-encoded octets. */
const ENCODED = /^(?:[A-Za-z0-9\-._~:[\]@!$'()*+,=&/|]|%[0-9A-Fa-f]{2})*$/;

function percentDecoded(text: string): Buffer | undefined {
  if (!ENCODED.test(text)) return undefined;
  return Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
