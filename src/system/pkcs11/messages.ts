import type { Pkcs11KeyReference } from './key-reference.js';
import type { TokenKeyType } from './open-token.js';

/** What Citadel tells the process of a token. The first message is `open`, once. */
export type ToToken =
  | { readonly kind: 'open'; readonly reference: Pkcs11KeyReference }
  | { readonly kind: 'sign'; readonly id: number; readonly mechanism: number; readonly input: Uint8Array };

/** What that answers. */
export type FromToken =
  | { readonly kind: 'opened'; readonly keyType: TokenKeyType }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'signed'; readonly id: number; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string };
