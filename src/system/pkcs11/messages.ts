import type { Pkcs11KeyReference } from './key-reference.js';
import type { TokenKeyType } from './open-token.js';

/** What Citadel tells the process of a token. The first message is `open`, once. */
export type ToToken =
  /** `refusedPin`: as a process before this one has told it. */
  | { readonly kind: 'open'; readonly reference: Pkcs11KeyReference; readonly refusedPin: string | undefined }
  | { readonly kind: 'sign'; readonly id: number; readonly mechanism: number; readonly input: Uint8Array }
  /** No caller waits for this signature any more: it need not begin. */
  | { readonly kind: 'drop'; readonly id: number };

/** What that answers. */
export type FromToken =
  | { readonly kind: 'opened'; readonly keyType: TokenKeyType }
  | { readonly kind: 'failed'; readonly message: string }
  /** SHA-256 of the PIN that the token has refused, in hex; `undefined`: it has taken one since. */
  | { readonly kind: 'pin'; readonly refusedPin: string | undefined }
  | { readonly kind: 'signed'; readonly id: number; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string };
