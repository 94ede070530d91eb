import { encodeBundleSecret } from '../../hotpath/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';

/**
 * Trust bundles that have come without a certificate, for all identities of an agent: each is read and encoded once,
 * however many they are.
 */
export class BundleNews {
  private readonly listeners = new Set<BundleListener>();

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

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
}
