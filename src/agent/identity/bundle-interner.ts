import type { X509Certificate } from 'node:crypto';
import { bundlePemOf } from '../../hotpath/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { SecretContent } from './secret-content.js';

/** The roots of a bundle, and whether they are asked for for the first time. */
export interface BundleRoots {
  readonly roots: readonly X509Certificate[];
  readonly isFirst: boolean;
}

/**
 * Makes the content of trust bundles. The pods of a node all get the same one from their CA: it is hashed once, held
 * once, and the response that it goes out in is the same memory for all of them.
 */
export class BundleInterner {
  private newest: SecretContent | undefined;
  private read: { readonly of: SecretContent; readonly roots: readonly X509Certificate[] } | undefined;

  /** Owns `body`: a serialised `Secret{validation_context}`. */
  of(body: Buffer): SecretContent {
    if (this.newest?.body.equals(body) !== true) this.newest = new SecretContent('validation-context', body);
    return this.newest;
  }

  /** The certificates of one of its contents, which are parsed once as long as the same one is asked for. */
  rootsOf(content: SecretContent): BundleRoots {
    if (this.read?.of === content) return { roots: this.read.roots, isFirst: false };
    const roots = TrustBundle.parsePem(bundlePemOf(content.body)).list();
    this.read = { of: content, roots };
    return { roots, isFirst: true };
  }
}
