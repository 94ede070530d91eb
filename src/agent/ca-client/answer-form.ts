import { IdentityError } from '../../errors/index.js';
import { cutCertificates } from '../../pki/x509/index.js';

/** A chain has a handful of certificates. */
export const MAX_ELEMENTS = 32;

/** Leaf and intermediates together: 2 to 6 kB in practice. */
const MAX_CHAIN_CHARS = 64 * 1024;

/** The same bound as that of a trust bundle. */
export const MAX_BUNDLE_CHARS = 1024 * 1024;

/**
 * Each costs 0.2 ms of the event loop when the roots change. A mesh of many clusters has some dozens; other trust
 * domains are no matter of this bundle.
 */
export const MAX_ROOTS = 100;

/** Of a whole answer, with the heads of its elements. */
export const MAX_ANSWER_BYTES = MAX_CHAIN_CHARS + MAX_BUNDLE_CHARS + 1024;

/**
 * Cuts answers of a CA into the chain to present and the bundle to trust. Looks at the outer form only: what stands
 * inside the blocks, whether the leaf is ours, and which of the others make its path, is for `seal` to read and prove.
 */
export class AnswerForm {
  private lastBundle: { readonly element: Buffer; readonly pem: Buffer } | undefined;

  /**
   * The first certificate is the leaf, the last *element* is the bundle, its issuers are among those between and those
   * of the bundle, however the CA spread them over elements and newlines. (reference: Istio 3.1, 7; A40)
   * @throws IdentityError `ERR_CA_RESPONSE_INVALID`.
   */
  cut(elements: readonly Buffer[]): { chainPem: Buffer; bundlePem: Buffer } {
    const chain = elements.slice(0, -1);
    const bundle = elements.at(-1);
    if (bundle === undefined || chain.length === 0) {
      throw invalid(`got ${elements.length} elements, expected at least 2: the leaf first, the trust bundle last`);
    }
    checkSizes(chain, bundle);
    return {
      chainPem: Buffer.concat(chain.flatMap((element, index) => certificatesOf(element, index, MAX_ELEMENTS))),
      bundlePem: this.bundleOf(bundle, chain.length),
    };
  }

  /**
   * A CA answers with one and the same bundle, as a rule: it is cut once, and is the same memory for all, so that it
   * travels to a thread once for all answers of a batch. It is never changed.
   */
  private bundleOf(element: Buffer, index: number): Buffer {
    if (this.lastBundle === undefined || !element.equals(this.lastBundle.element)) {
      const pem = Buffer.concat(certificatesOf(element, index, MAX_ROOTS));
      this.lastBundle = { element: Buffer.from(element), pem };
    }
    return this.lastBundle.pem;
  }
}

function checkSizes(chain: readonly Buffer[], bundle: Buffer): void {
  if (chain.length >= MAX_ELEMENTS) throw invalid(`got ${chain.length + 1} elements, expected at most ${MAX_ELEMENTS}`);
  const chainChars = chain.reduce((sum, element) => sum + element.length, 0);
  if (chainChars > MAX_CHAIN_CHARS) {
    throw invalid(`got a chain of ${chainChars} characters, expected at most ${MAX_CHAIN_CHARS}`);
  }
  if (bundle.length > MAX_BUNDLE_CHARS) {
    throw invalid(`got a bundle of ${bundle.length} characters, expected at most ${MAX_BUNDLE_CHARS}`);
  }
}

function certificatesOf(element: Buffer, index: number, maxBlocks: number): Buffer[] {
  return cutCertificates(element, {
    what: `CA answer: element ${index + 1}`,
    code: 'ERR_CA_RESPONSE_INVALID',
    maxBytes: MAX_BUNDLE_CHARS,
    maxBlocks,
  });
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_CA_RESPONSE_INVALID', `CA answer: ${message}`);
}
