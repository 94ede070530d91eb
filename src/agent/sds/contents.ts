import type { SecretKind } from './secret-kind.js';

/** One version of a secret, as far as the protocol decides by it. The same object for all streams. */
export interface Content {
  readonly version: string;
  /** `undefined` for {@link REMOVED} only. */
  readonly kind: SecretKind | undefined;
}

/** By resource name. */
export type Contents = ReadonlyMap<string, Content>;

/** What a delta client is told of a name that can never have a secret. */
export const REMOVED: Content = { version: '', kind: undefined };

/** The entries that `keep` lets stay; the same map when that is all of them. */
export function only<T>(
  map: ReadonlyMap<string, T>,
  keep: (name: string, value: T) => boolean,
): ReadonlyMap<string, T> {
  if (map.size === 0) return map;
  const kept = new Map<string, T>();
  for (const [name, value] of map) if (keep(name, value)) kept.set(name, value);
  return kept.size === map.size ? map : kept;
}

/** Both, of which `newer` wins. */
export function merged<T>(map: ReadonlyMap<string, T>, newer: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (newer.size === 0) return map;
  for (const name of map.keys()) if (!newer.has(name)) return new Map([...map, ...newer]);
  // The usual case, one name a stream: the response's own map is the answer, shared and not copied.
  return newer;
}
