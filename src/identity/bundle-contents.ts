import { SecretContent } from './secret-content.js';

/**
 * Makes the content of trust bundles. The pods of a node all get the same one from their CA: it is hashed once, held once,
 * and the response that it goes out in is the same memory for all of them.
 */
export class BundleContents {
  private newest: SecretContent | undefined;

  /** Owns `body`: a serialised `Secret{validation_context}`. */
  of(body: Buffer): SecretContent {
    if (this.newest?.body.equals(body) !== true) this.newest = new SecretContent('validation-context', body);
    return this.newest;
  }
}
