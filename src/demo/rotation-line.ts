/** A new certificate, as an agent reports it. */
export interface DemoRotation {
  /** False for the first certificate of a process. */
  readonly isRenewal: boolean;
  readonly serial: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** What a line of an agent's log says of a rotation; undefined when it speaks of something else. */
export function readRotation(line: string): DemoRotation | undefined {
  if (!line.includes('"svid ')) return undefined;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { msg, serial, not_after: notAfter } = entry as Record<string, unknown>;
  if (msg !== 'svid issued' && msg !== 'svid rotated') return undefined;
  if (typeof serial !== 'string' || typeof notAfter !== 'string') return undefined;
  return { isRenewal: msg === 'svid rotated', serial, notAfter };
}
