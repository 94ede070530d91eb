import { Field, type Logger } from '../../telemetry/index.js';
import type { Content } from './contents.js';
import { quote } from './quote.js';
import { kindOfSecret } from './secret-kind.js';
import type { ServedSecret } from './secret-source.js';

/** A secret that may go to an Envoy. */
export interface FoundSecret {
  readonly secret: ServedSecret;
  readonly content: Content;
}

/**
 * The last look at each secret before any stream gets it: whatever the holder says, an empty trust bundle and a secret
 * of another kind than it is meant to be are as if they were not there, because Envoy takes them and then verifies no
 * peer. Looks at each version once.
 */
export class ServedContents {
  private readonly logger: Logger;
  /** `null`: not to be served, which has been said. */
  private readonly found = new WeakMap<ServedSecret, FoundSecret | null>();

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** What may be served of `secret`, asked for as `name`; the same object for the same secret. */
  of(name: string, secret: ServedSecret | undefined): FoundSecret | undefined {
    if (secret === undefined) return undefined;
    let found = this.found.get(secret);
    if (found === undefined) {
      found = this.look(name, secret);
      this.found.set(secret, found);
    }
    return found ?? undefined;
  }

  private look(name: string, secret: ServedSecret): FoundSecret | null {
    const kind = kindOfSecret(secret.body);
    if (kind !== undefined && (secret.kind === undefined || secret.kind === kind)) {
      return { secret, content: { version: secret.version, kind } };
    }
    this.logger.error('secret withheld: it is empty or not of its kind', {
      [Field.resourceName]: quote(name),
      [Field.version]: secret.version,
      [Field.detail]: `${kind ?? 'nothing that can be served'}, expected ${secret.kind ?? 'a secret'}`,
    });
    return null;
  }
}
