/** What is left of a life when it is renewed as soon as it may be for this. (timers/schedule) */
const LARGEST_OUTAGE_SHARE = 0.9;

interface OutageSettings {
  readonly surviveCaOutageMs: number | undefined;
  readonly ttlMs: number;
}

/** No certificate survives what is longer than its life. One text per problem, with the name of the setting first. */
export function outageProblems({ surviveCaOutageMs = 0, ttlMs }: OutageSettings): string[] {
  const mostMs = ttlMs * LARGEST_OUTAGE_SHARE;
  if (surviveCaOutageMs <= mostMs) return [];
  const [got, most] = [surviveCaOutageMs, mostMs].map((ms) => `${Math.floor(ms / 1000)}s`);
  return [`survive-ca-outage: got ${got}, expected at most ${most}, nine tenths of the life that is asked for`];
}
