import { errorCodeOf, messageOf } from '../../errors/index.js';
import { FileValue } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import type { Material } from './server-access.js';

export interface MaterialOptions {
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Roots of a large company; tokens and keys have a few kilobytes. */
const MAX_MATERIAL_BYTES = 1024 * 1024;

/**
 * A token, a key or roots, by the newest state of their file. A state that cannot be read, say because the file is
 * being replaced, does not replace a good one.
 */
export class ChangingMaterial {
  private readonly file: FileValue<Buffer> | undefined;
  private content: Buffer | undefined;

  /** `what` names it in messages: `service account token`. */
  constructor(
    what: string,
    material: Material,
    private readonly options: MaterialOptions,
  ) {
    if (material.kind === 'inline') {
      this.content = material.content;
      return;
    }
    const { path } = material;
    const log = new RateLimitedLogger(options.logger, options.now);
    this.file = new FileValue({
      ...{ path, what: `${what} ${path}`, code: 'ERR_KUBERNETES_CONFIG_INVALID', maxBytes: MAX_MATERIAL_BYTES },
      parse: (content) => content,
      isSame: (held, other) => held.equals(other),
      onRefused: (error) =>
        log.warn('file cannot be read again, its last content stays in use', {
          [Field.path]: path,
          [Field.code]: errorCodeOf(error),
          [Field.error]: messageOf(error),
        }),
    });
  }

  /**
   * The newest content, by a look at the file if the last is a second ago; the same buffer as long as it is the same.
   * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`: it has never been readable.
   */
  async current(): Promise<Buffer> {
    this.content = (await this.file?.recent(this.options.now())) ?? this.content;
    return this.content ?? Buffer.alloc(0);
  }

  /** Looks at the file now, whenever the last look was. True when its content is another one than the current. */
  async hasChanged(): Promise<boolean> {
    const newest = await this.file?.newest();
    return newest !== undefined && newest !== this.content;
  }
}
