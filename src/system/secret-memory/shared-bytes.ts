import { inspect } from 'node:util';
import { IdentityError } from '../../errors/index.js';

/**
 * Bytes that may hold a key, and their users: made with one, wiped when the last has released them. After that no
 * caller can read them: zeros would go out in place of the key, with every status OK.
 */
export class SharedBytes {
  private readonly memory: Buffer;
  private users = 1;

  /** Takes ownership of `memory`, which must be of its own: it is overwritten. */
  constructor(memory: Buffer) {
    this.memory = memory;
  }

  /**
   * The memory itself. Who keeps it beyond this turn of the event loop is a user. @throws IdentityError `ERR_INTERNAL`
   * when it is wiped
   */
  get bytes(): Buffer {
    if (this.users === 0) throw wiped();
    return this.memory;
  }

  /** One more user, who calls {@link release} once. @throws IdentityError `ERR_INTERNAL` when it is wiped */
  use(): this {
    if (this.users === 0) throw wiped();
    this.users += 1;
    return this;
  }

  /**
   * One user less; the last one wipes it. A function of its own object, so that it can be given away without a closure.
   */
  readonly release = (): void => {
    if (this.users === 0) return;
    this.users -= 1;
    if (this.users === 0) this.memory.fill(0);
  };

  toJSON(): string {
    return '[redacted bytes]';
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

function wiped(): IdentityError {
  return new IdentityError('ERR_INTERNAL', 'secret bytes: got a read after they were wiped, expected one before');
}
