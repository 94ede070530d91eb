import type * as doctor from './doctor/index.js';

/** Loads what `sidecert doctor` does: TLS and HTTP/2 are a quarter of the start of commands that need neither. */
export function loadDoctor(): Promise<typeof doctor> {
  return import('./doctor/index.js');
}
