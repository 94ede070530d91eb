/**
 * Characters of ASCII. Tokens are read with these and not with regular expressions: V8 keeps the text of the last match
 * (`RegExp.input`), and with it the token of a call that is long over.
 */
export class CharacterSet {
  /** By the code of a character, 1 for those of the set. */
  readonly #isMember = new Uint8Array(128);

  constructor(characters: string) {
    for (let index = 0; index < characters.length; index += 1) this.#isMember[characters.charCodeAt(index)] = 1;
  }

  /** Whether the first `length` characters of `text` are all of the set. */
  hasAllOf(text: string, length = text.length): boolean {
    for (let index = 0; index < length; index += 1) {
      if (this.#isMember[text.charCodeAt(index)] !== 1) return false;
    }
    return true;
  }
}

/** (RFC 4648 §5) */
export const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
