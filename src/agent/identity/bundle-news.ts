import { IdentityError } from '../../errors/index.js';
import { encodeBundleSecret } from '../../hotpath/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';

/** Most pods of a node have a token, so that one of a few has. */
const MAX_TOKENS_TRIED = 16;

/**
 * Trust bundles that come without a certificate, for all identities of an agent: they are asked for with a token of one
 * of them, and each is read and encoded once, however many identities there are.
 */
export class BundleNews {
  private readonly listeners = new Set<BundleListener>();

  /** `now` gives epoch milliseconds, `random` is in [0, 1). */
  constructor(
    private readonly now: () => number,
    private readonly random: () => number,
  ) {}

  /**
   * A token of an identity that is there now, which one is drawn each time: of a pod that is gone the CA takes none.
   * The caller wipes it.
   * @throws IdentityError `ERR_TOKEN_MISSING` and the others of a token: none of the identities has a good one.
   */
  async readToken(): Promise<Buffer> {
    const all = [...this.listeners];
    const first = Math.floor(this.random() * all.length);
    let failure: unknown = new IdentityError('ERR_TOKEN_MISSING', 'there is no identity, expected one with a token');
    for (const listener of [...all.slice(first), ...all.slice(0, first)].slice(0, MAX_TOKENS_TRIED)) {
      try {
        return await listener.readToken();
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /**
   * Tells all identities of this bundle, in PEM, without what has expired; a bundle of nothing else is not told of.
   * @throws IdentityError `ERR_BUNDLE_INVALID`: it is none.
   */
  tell(bundlePem: Buffer): void {
    const usable = TrustBundle.parsePem(bundlePem).usableAt(this.now());
    if (usable === undefined) return;
    const body = encodeBundleSecret(usable.toPem());
    for (const listener of this.listeners) listener.takeBundle(body);
  }

  /** Has all identities whose certificate is revoked, by its serial in hex, ask for another one at once. */
  replaceRevoked(isRevoked: (serial: string) => boolean): void {
    for (const listener of this.listeners) listener.replaceIfRevoked(isRevoked);
  }

  add(listener: BundleListener): void {
    this.listeners.add(listener);
  }

  delete(listener: BundleListener): void {
    this.listeners.delete(listener);
  }
}

/** An identity: there may be thousands, so it is told itself, and not by a closure of its own. */
export interface BundleListener {
  /** `bundleBody`: a serialised `Secret{validation_context}`, shared by all. */
  takeBundle(bundleBody: Buffer): void;
  /** Asks for another certificate at once, when that which is served is revoked. */
  replaceIfRevoked(isRevoked: (serial: string) => boolean): void;
  /** Its token for the CA, as it stands now. */
  readToken(): Promise<Buffer>;
}
