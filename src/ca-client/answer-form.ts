import { IdentityError } from '../errors/index.js';
import { encodePem, readCertificates } from '../pki/x509/index.js';

/** A chain has a handful of certificates. */
export const MAX_ELEMENTS = 32;

/** Leaf and intermediates together: 2 to 6 kB in practice. */
const MAX_CHAIN_CHARS = 64 * 1024;

/** The same bound as that of a trust bundle. */
const MAX_BUNDLE_CHARS = 1024 * 1024;

/**
 * Each costs 0.2 ms of the event loop when the roots change. A mesh of many clusters has some dozens; other trust domains are no
 * matter of this bundle.
 */
const MAX_ROOTS = 100;

/** Of a whole answer, with the heads of its elements. */
export const MAX_ANSWER_BYTES = MAX_CHAIN_CHARS + MAX_BUNDLE_CHARS + 1024;

/**
 * Cuts the CA's answer into the chain to present and the bundle to trust. Looks at the outer form only: whether the
 * leaf is ours, and which of the others make its path, is for `seal` to prove.
 *
 * The first certificate is the leaf, the last *element* is the bundle, its issuers are among those between and those of the bundle,
 * however the CA spread them over elements and newlines. (reference: Istio 3.1, 7; A40)
 * @throws IdentityError `ERR_CA_RESPONSE_INVALID`.
 */
export function cutAnswer(elements: readonly Buffer[]): { chainPem: Buffer; bundlePem: Buffer } {
  const chain = elements.slice(0, -1);
  const bundle = elements.at(-1);
  if (bundle === undefined || chain.length === 0) {
    throw invalid(`got ${elements.length} elements, expected at least 2: the leaf first, the trust bundle last`);
  }
  checkSizes(chain, bundle);
  const [leaf, ...others] = chain.flatMap((element, index) => certificatesOf(element, index, MAX_ELEMENTS));
  if (leaf === undefined) throw invalid('got no leaf, expected it in the first element');
  return {
    chainPem: joined([leaf, ...others]),
    bundlePem: bundleOf(bundle, chain.length),
  };
}

let lastBundle: { readonly element: Buffer; readonly pem: Buffer } = { element: Buffer.alloc(0), pem: Buffer.alloc(0) };

/** A CA answers with one and the same bundle, as a rule: it is cut once, and is the same memory for all. Nobody changes it. */
function bundleOf(element: Buffer, index: number): Buffer {
  if (!element.equals(lastBundle.element)) {
    lastBundle = { element: Buffer.from(element), pem: joined(certificatesOf(element, index, MAX_ROOTS)) };
  }
  return lastBundle.pem;
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
  return readCertificates(element, {
    what: `CA answer: element ${index + 1}`,
    code: 'ERR_CA_RESPONSE_INVALID',
    maxBytes: MAX_BUNDLE_CHARS,
    maxBlocks,
  });
}

function joined(certificates: readonly Buffer[]): Buffer {
  return Buffer.concat(certificates.map((der) => encodePem('CERTIFICATE', der)));
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_CA_RESPONSE_INVALID', `CA answer: ${message}`);
}
