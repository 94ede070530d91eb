import { CancelSource } from '../cancellation/index.js';
import { takesLong } from '../pki/x509/index.js';
import type { CallOptions, HotPath, PreparedKey, PrepareRequest } from './hot-path.js';

/** The next key of one identity, made before it is needed when it is one that takes long. The opener closes it. */
export class KeyReserve {
  private next: { readonly key: Promise<PreparedKey | undefined>; readonly giveUp: CancelSource } | undefined;
  private isClosed = false;

  constructor(
    private readonly hotPath: Pick<HotPath, 'prepare'>,
    private readonly request: PrepareRequest,
  ) {}

  /**
   * Has the next key made when nothing else is to be done, unless it is there; an EC key takes less than the asking.
   */
  stock(): void {
    if (this.isClosed || this.next !== undefined || !takesLong(this.request.keyType)) return;
    const giveUp = new CancelSource();
    const options = { signal: giveUp, isAhead: true };
    // Whatever went wrong, the key that is then made on demand meets it again, and its caller is told.
    const key = this.hotPath.prepare(this.request, options).catch(() => undefined);
    this.next = { key, giveUp };
  }

  /**
   * The key that is there, or one made now. It is the caller's: it is given once, and never kept here.
   * @throws IdentityError as {@link HotPath.prepare}.
   */
  async take(call?: Pick<CallOptions, 'signal' | 'isFirst'>): Promise<PreparedKey> {
    const next = this.next;
    this.next = undefined;
    // Still in line, it would be made long after one that is asked for now; under way, it is the first to be done.
    next?.giveUp.cancel();
    return (await next?.key) ?? this.hotPath.prepare(this.request, call);
  }

  /** Wipes the key that was not taken, also one that is still being made. */
  close(): void {
    this.isClosed = true;
    const next = this.next;
    this.next = undefined;
    next?.giveUp.cancel();
    void next?.key.then((prepared) => prepared?.privateKey.fill(0));
  }
}
