import { createHash } from 'node:crypto';
import type { Addon, Pkcs11Token } from '../addon/index.js';
import { readSmallFile } from '../small-files/index.js';
import type { Pkcs11KeyReference } from './key-reference.js';
import { isOfThePin, moduleProblem } from './return-values.js';

export type Pkcs11Module = InstanceType<Addon['Pkcs11Module']>;

/** A key that is ready to sign, by sessions that are all logged in. */
export interface OpenedKey {
  readonly module: Pkcs11Module;
  readonly sessions: readonly number[];
  readonly key: number;
  readonly keyType: TokenKeyType;
}

export type TokenKeyType = 'ec' | 'rsa';

/** Makes a module of a path: `addon.Pkcs11Module`. */
export type LoadModule = (path: string) => Pkcs11Module;

// (PKCS #11 Specification 3.1, CK_TOKEN_INFO flags)
const LOGIN_REQUIRED = 0x4;
const PIN_FINAL_TRY = 0x20000;
const PIN_LOCKED = 0x40000;

// (PKCS #11, "Attributes", CK_KEY_TYPE)
const CKA_KEY_TYPE = 0x100;
const CKA_SIGN = 0x108;
const KEY_TYPES: readonly (TokenKeyType | undefined)[] = ['rsa', undefined, undefined, 'ec'];

/** Tokens take 4 to 255 octets. */
const MAX_PIN_BYTES = 1024;

/** How many tokens stand in a message. */
const MAX_TOLD = 5;

/** What is known of a PIN that the token has refused; it outlives the process that has tried it. */
export interface RefusedPin {
  /** SHA-256 of it, in hex. */
  readonly digest: string | undefined;
  /** Gets the next value of `digest`. */
  readonly onChange: (digest: string | undefined) => void;
}

/**
 * Opens one key again and again, as often as it was lost. It never tries a PIN a second time that the token has
 * refused: a token locks itself after a few tries, and then a person has to come.
 */
export class TokenOpener {
  private module: Pkcs11Module | undefined;
  private refusedPin: string | undefined;

  constructor(
    private readonly reference: Pkcs11KeyReference,
    private readonly sessions: number,
    private readonly load: LoadModule,
    private readonly refused: RefusedPin,
  ) {
    this.refusedPin = refused.digest;
  }

  /** Ends what is open, and opens it again. @throws Error that says what is missing. */
  async open(): Promise<OpenedKey> {
    this.end();
    const module = this.loaded();
    const { slot, flags, label } = this.chosenToken(module);
    const sessions = Array.from({ length: this.sessions }, () => called(() => module.openSession(slot)));
    const [first = 0] = sessions;
    await this.login(module, first, { flags, label });
    const { object, id } = this.reference;
    const keys = called(() =>
      module.privateKeys(
        first,
        object === undefined ? undefined : Buffer.from(object),
        id === undefined ? undefined : Buffer.from(id, 'hex'),
      ),
    );
    const [key] = keys;
    if (key === undefined || keys.length > 1) {
      throw new Error(
        `token ${label}: got ${key === undefined ? 'no' : 'more than one'} such private key, expected one`,
      );
    }
    return { module, sessions, key, keyType: keyTypeOf(module, first, key) };
  }

  private loaded(): Pkcs11Module {
    const { modulePath } = this.reference;
    try {
      this.module = this.load(modulePath);
      return this.module;
    } catch (error) {
      throw new Error(`PKCS#11 module ${modulePath}: ${moduleProblem(error)}`);
    }
  }

  /** A module looks at its tokens again when it is initialised. */
  private end(): void {
    const { module } = this;
    this.module = undefined;
    try {
      module?.finalize();
    } catch {
      // It had ended already.
    }
  }

  private chosenToken(module: Pkcs11Module): Pkcs11Token {
    const { token, serial, manufacturer, model } = this.reference;
    const wanted = Object.entries({ label: token, serial, manufacturer, model });
    const present = called(() => module.tokens());
    const fitting = present.filter((one) =>
      wanted.every(([name, value]) => value === undefined || Object(one)[name] === value),
    );
    const [only, ...others] = fitting;
    if (only !== undefined && others.length === 0) return only;
    const told = present.slice(0, MAX_TOLD).map(({ label, serial }) => `${label || '(no label)'} (serial ${serial})`);
    const got = only === undefined ? 'no such token' : 'more than one such token';
    throw new Error(`got ${got} among ${told.join(', ') || 'none'}, expected one`);
  }

  private async login(
    module: Pkcs11Module,
    session: number,
    token: Pick<Pkcs11Token, 'flags' | 'label'>,
  ): Promise<void> {
    const { pinFile } = this.reference;
    const { flags, label } = token;
    if (pinFile === undefined) {
      if ((flags & LOGIN_REQUIRED) === 0) return;
      throw new Error(`token ${label} wants a PIN, got no pin-source=FILE`);
    }
    if ((flags & PIN_LOCKED) !== 0) throw new Error(`token ${label}: its PIN is locked, expected one in use`);
    if ((flags & PIN_FINAL_TRY) !== 0) {
      throw new Error(`token ${label}: one wrong PIN more would lock it: log in once by another program first`);
    }
    const pin = await readPin(pinFile);
    const digest = createHash('sha256').update(pin).digest('hex');
    if (digest === this.refusedPin) {
      pin.fill(0);
      throw new Error(
        `token ${label}: it has refused the PIN of ${pinFile}, which is not tried again until it changes`,
      );
    }
    try {
      module.login(session, pin);
      this.setRefusedPin(undefined);
    } catch (error) {
      if (isOfThePin(error)) this.setRefusedPin(digest);
      throw new Error(`token ${label}: ${moduleProblem(error)}`);
    } finally {
      pin.fill(0);
    }
  }

  private setRefusedPin(digest: string | undefined): void {
    if (digest === this.refusedPin) return;
    this.refusedPin = digest;
    this.refused.onChange(digest);
  }
}

/** Without the end of its line. In memory of its own, which the caller wipes. */
async function readPin(path: string): Promise<Buffer> {
  const { content } = await readSmallFile(path, {
    what: `PIN file ${path}`,
    code: 'ERR_CA_KEY_UNAVAILABLE',
    maxBytes: MAX_PIN_BYTES,
  });
  let size = content.length;
  while (size > 0 && (content[size - 1] === 0x0a || content[size - 1] === 0x0d)) size -= 1;
  if (size === 0) throw new Error(`PIN file ${path}: got no PIN, expected one on its first line`);
  return content.subarray(0, size);
}

function keyTypeOf(module: Pkcs11Module, session: number, key: number): TokenKeyType {
  const type = called(() => module.attribute(session, key, CKA_KEY_TYPE));
  const keyType = type === undefined ? undefined : KEY_TYPES[Buffer.from(type).readUInt32LE(0)];
  if (keyType === undefined) throw new Error('got a private key of another type, expected EC or RSA');
  const mayAttribute = called(() => module.attribute(session, key, CKA_SIGN));
  if (mayAttribute !== undefined && Buffer.from(mayAttribute)[0] === 0) {
    throw new Error('got a private key that may not sign (CKA_SIGN), expected one that may');
  }
  return keyType;
}

function called<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new Error(moduleProblem(error));
  }
}
