/** Below this a repeated part is as easily written out as named. */
const MIN_SHARED_CHARS = 60;

/**
 * The same message with equal parts as one object, which a writer of YAML names once and refers to: a bootstrap with
 * many upstreams repeats where their secrets come from.
 */
export function withSharedParts<T>(message: T): T {
  const parts = new Map<string, unknown>();
  const shared = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const key = JSON.stringify(value);
    const known = parts.get(key);
    if (known !== undefined) return known;
    const inner = Array.isArray(value)
      ? value.map(shared)
      : Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shared(field)]));
    if (key.length >= MIN_SHARED_CHARS) parts.set(key, inner);
    return inner;
  };
  // Equal to the message in all but the identity of its parts.
  return shared(message) as T;
}
