import { hash } from 'node:crypto';
import { inspect } from 'node:util';
import { SharedBytes } from '../../system/secret-memory/index.js';

/** 16 hex digits: enough that two versions never meet, short enough to read in `sds.default.version_text`. */
const VERSION_HEX_DIGITS = 16;

/** Which field of Envoy's `Secret` a body has. */
export type ContentKind = 'certificate' | 'validation-context' | 'session-ticket-keys' | 'generic';

/**
 * One version of one secret as Envoy gets it. May hold a private key, so nothing prints it: not JSON, not
 * to `console.log`.
 */
export class SecretContent {
  /** Hash of the content: equal over restarts and replicas. */
  readonly version: string;
  private readonly memory: SharedBytes;

  /** Takes ownership of `body`: a serialised `tls.v3.Secret` without its name. */
  constructor(
    readonly kind: ContentKind,
    body: Buffer,
  ) {
    this.version = hash('sha256', body).slice(0, VERSION_HEX_DIGITS);
    this.memory = new SharedBytes(body);
  }

  /**
   * To be copied at once: a caller that waits may find it wiped. @throws IdentityError `ERR_INTERNAL` when it is wiped
   */
  get body(): Buffer {
    return this.memory.bytes;
  }

  /** Overwrites the bytes; {@link body} then throws. Safe to call twice. */
  wipe(): void {
    this.memory.release();
  }

  toJSON(): string {
    return '[redacted secret]';
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}
