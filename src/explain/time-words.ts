const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const;

/** A length of time by its two largest units: `5h 12m`, `3s`; below a second, `0s`. The sign is left out. */
export function lengthText(ms: number): string {
  let left = Math.abs(ms);
  const parts: string[] = [];
  for (const unit of UNITS) {
    const count = Math.floor(left / unit.ms);
    left -= count * unit.ms;
    if (count > 0) parts.push(`${count}${unit.name}`);
    // `1d 3s` would be more exact than of use.
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** `in 3m` or `3m ago`. */
export function distanceText(ms: number, nowMs: number): string {
  return ms >= nowMs ? `in ${lengthText(ms - nowMs)}` : `${lengthText(nowMs - ms)} ago`;
}
