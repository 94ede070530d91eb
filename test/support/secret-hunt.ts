import { createPrivateKey } from 'node:crypto';

/**
 * Of base64: 18 bytes of the secret. Long enough that nothing else has it by chance, short enough to see a cut value.
 */
const BASE64_CHARS = 24;

/** Of a secret shown byte by byte. */
const SHOWN_BYTES = 16;

/** What stands between the bytes of `openssl -text`, of an inspected Buffer and of a hex dump. */
const BETWEEN_BYTES = /[\s:]+/g;

/**
 * Looks for known secrets in text, whole or cut, in the forms that a careless line would give them: PEM, base64 and
 * base64url at any alignment, hexadecimal of either case with or without separators, and lists of decimal bytes.
 */
export class SecretHunt {
  /** Each piece that betrays a secret, and whose it is. */
  readonly #texts = new Map<string, string>();
  readonly #hexes = new Map<string, string>();
  readonly #decimals = new Map<string, string>();
  readonly #names = new Set<string>();

  /** The secrets that are looked for. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** A private key in PEM: its text, its DER, and the number that it consists of. */
  addPrivateKey(name: string, pem: Buffer): void {
    const key = createPrivateKey(pem);
    const { d = '' } = key.export({ format: 'jwk' });
    for (const bytes of [pem, key.export({ type: 'pkcs8', format: 'der' }), Buffer.from(d, 'base64url')]) {
      this.#addBytes(name, bytes);
    }
  }

  /** A JWT: what of it is not the same in every token of its issuer, payload and signature, as text and as bytes. */
  addToken(name: string, jwt: string): void {
    const [, payload = '', signature = ''] = jwt.split('.');
    for (const part of [payload, signature]) {
      this.#addText(name, part);
      this.#addBytes(name, Buffer.from(part, 'latin1'));
    }
    this.#addBytes(name, Buffer.from(signature, 'base64url'));
  }

  /** The names of the secrets of which a piece stands in `text`, and of the armour of private keys in general. */
  findIn(text: string): string[] {
    const found = new Set<string>();
    // Messages may name the kind of a PEM block; only a key itself begins one.
    if (/-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)) found.add('PRIVATE KEY');
    collect(this.#texts, BASE64_CHARS, text, found);
    collect(this.#hexes, 2 * SHOWN_BYTES, text.toLowerCase().replace(BETWEEN_BYTES, ''), found);
    for (const [list] of text.matchAll(/\d{1,3}(?:,\s*\d{1,3})+/g)) {
      const bytes = Buffer.from(list.split(',').map(Number)).toString('hex');
      collect(this.#decimals, 2 * SHOWN_BYTES, bytes, found);
    }
    return [...found];
  }

  #addBytes(name: string, bytes: Buffer): void {
    const hex = bytes.toString('hex');
    add(this.#hexes, name, hex, 2 * SHOWN_BYTES);
    add(this.#decimals, name, hex, 2 * SHOWN_BYTES);
    for (const before of [0, 1, 2]) {
      const shifted = Buffer.concat([Buffer.alloc(before), bytes])
        .toString('base64')
        .replace(/=+$/, '');
      // The first characters tell of the bytes before, the last one of those that would follow.
      const pure = shifted.slice(before === 0 ? 0 : before + 1, -1);
      this.#addText(name, pure);
      this.#addText(name, pure.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }

  #addText(name: string, text: string): void {
    this.#names.add(name);
    add(this.#texts, name, text, BASE64_CHARS);
  }
}

function add(pieces: Map<string, string>, name: string, text: string, size: number): void {
  for (let start = 0; start + size <= text.length; start += 1) pieces.set(text.slice(start, start + size), name);
}

function collect(pieces: ReadonlyMap<string, string>, size: number, text: string, found: Set<string>): void {
  for (let start = 0; start + size <= text.length; start += 1) {
    const name = pieces.get(text.slice(start, start + size));
    if (name !== undefined) found.add(name);
  }
}
