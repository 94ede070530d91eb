/** CPU time of a process in tenths of a second, each in milliseconds. */
export const BIN_MS = 100;

/** All of it; and of that what is beyond the median bin: in a phase that is mostly waiting, what the work in it took. */
export function cpuOf(bins: readonly number[]): { cpuMs: number; burstCpuMs: number } {
  const idle = [...bins].sort((a, b) => a - b)[Math.floor(bins.length / 2)] ?? 0;
  return {
    cpuMs: bins.reduce((sum, bin) => sum + bin, 0),
    burstCpuMs: bins.reduce((sum, bin) => sum + Math.max(0, bin - idle), 0),
  };
}
