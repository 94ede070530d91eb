import { errorCodeOf } from '../../errors/index.js';
import { markOf, readSmallFile } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import type { Material } from './server-access.js';

export interface MaterialOptions {
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Roots of a large company; tokens and keys have a few kilobytes. */
const MAX_MATERIAL_BYTES = 1024 * 1024;

/** How often a file is looked at, at most: the kubelet changes a token once an hour. */
const MIN_LOOK_INTERVAL_MS = 1000;

/**
 * A token, a key or roots, by the newest state of their file. A state that cannot be read, say because the file is
 * being replaced, does not replace a good one.
 */
export class ChangingMaterial {
  private content: Buffer | undefined;
  private mark: string | undefined;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;
  private readonly log: RateLimitedLogger;

  /** `what` names it in messages: `service account token`. */
  constructor(
    private readonly what: string,
    private readonly material: Material,
    private readonly options: MaterialOptions,
  ) {
    this.log = new RateLimitedLogger(options.logger, options.now);
    if (material.kind === 'inline') this.content = material.content;
  }

  /**
   * The newest content, by a look at the file if the last is a second ago; the same buffer as long as it is the same.
   * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`: it has never been readable.
   */
  async current(): Promise<Buffer> {
    if (Math.abs(this.options.now() - this.lookedAtMs) >= MIN_LOOK_INTERVAL_MS) await this.look();
    if (this.content !== undefined) return this.content;
    // Another look gives the reason.
    await this.read();
    return this.content ?? Buffer.alloc(0);
  }

  /** Looks at the file now, whenever the last look was. True when its content is another one since. */
  async hasChanged(): Promise<boolean> {
    const before = this.content;
    await this.look();
    return this.content !== before;
  }

  private look(): Promise<void> {
    if (this.material.kind === 'inline') return Promise.resolve();
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** Never rejects. */
  private async lookOnce(): Promise<void> {
    this.lookedAtMs = this.options.now();
    if (this.material.kind === 'inline') return;
    try {
      if (this.content === undefined || this.mark !== (await markOf(this.material.path))) await this.read();
    } catch (error) {
      if (this.content === undefined) return;
      this.log.warn('file cannot be read again, its last content stays in use', {
        [Field.path]: this.material.path,
        [Field.code]: errorCodeOf(error),
        [Field.error]: error instanceof Error ? error.message : String(error),
      });
    }
  }

  private async read(): Promise<void> {
    if (this.material.kind === 'inline') return;
    const { path } = this.material;
    const options = { what: `${this.what} ${path}`, code: 'ERR_KUBERNETES_CONFIG_INVALID' } as const;
    const { content, mark } = await readSmallFile(path, { ...options, maxBytes: MAX_MATERIAL_BYTES });
    this.mark = mark;
    if (this.content === undefined || !this.content.equals(content)) this.content = content;
  }
}
