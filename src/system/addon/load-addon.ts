import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Addon } from './addon.js';

/** Which sources of the addon this module was built beside. `scripts/build.mjs` puts it in. */
declare const ADDON_REVISION: string;

/** The addon, or why there is none. */
export type AddonLoad =
  | { readonly kind: 'loaded'; readonly addon: Addon }
  | { readonly kind: 'absent'; readonly reason: string };

/**
 * The one place of the file: beside this module, where scripts/build.mjs puts it, in build/ as in dist/. Nothing is
 * searched for, since a library from a folder that others may write to would run with our keys.
 */
const FILE = fileURLToPath(new URL(`./prebuilds/${process.platform}-${process.arch}/sidecert.node`, import.meta.url));

/**
 * Loads the addon into this thread: about a millisecond the first time, and nothing after. Never throws. One that was
 * built from other sources than ours is `absent`: it lacks what we call, or takes it otherwise. Only tests give another
 * file.
 */
export function loadAddon(file = FILE): AddonLoad {
  try {
    const addon = createRequire(import.meta.url)(file) as Addon;
    if (addon.revision === ADDON_REVISION) return { kind: 'loaded', addon };
    const got = `got revision ${addon.revision ?? 'none'}, expected ${ADDON_REVISION}`;
    return { kind: 'absent', reason: `the addon was built from other sources: ${got}` };
  } catch (error) {
    return { kind: 'absent', reason: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = Object(error);
  if (code === 'MODULE_NOT_FOUND') return `no addon for ${process.platform}-${process.arch} was built`;
  return `the addon does not load: ${String(message).split('\n')[0]}`;
}
