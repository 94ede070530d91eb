import type { SecureContext } from 'node:tls';
import { loadAddon } from '../addon/index.js';

let isByAddon = true;

/** Whether {@link contextTrusting} may load the addon: a process that does its work in JavaScript leaves it alone. */
export function trustByAddon(may: boolean): void {
  isByAddon = may;
}

/**
 * The context that `make` makes with `ca: []`: it trusts these roots and no others, each as an anchor even when it is
 * not self-signed. (RFC 5280 §6.1.1) Node.js and OpenSSL verify peers as ever. What is saved is what the option `ca`
 * costs, once in a process: Node.js then makes the store of all roots that it brings, which is asked for nothing, in
 * more time than a handshake takes. (`GetOrCreateRootCertStore` in src/crypto/crypto_context.cc)
 *
 * `undefined` without the addon, and when anything is wrong: the option `ca` is the way then. No peer is trusted by
 * mistake, since a context without roots verifies none.
 */
export function contextTrusting(rootPem: Uint8Array, make: () => SecureContext): SecureContext | undefined {
  if (!isByAddon) return undefined;
  const load = loadAddon();
  if (load.kind === 'absent') return undefined;
  try {
    return load.addon.contextTrusting(rootPem, make);
  } catch {
    return undefined;
  }
}
