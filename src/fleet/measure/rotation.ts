/** One version of one secret, on its way to all streams that asked for it. Times are those of `performance.now()`. */
export class RotationMeasure {
  /** When each Envoy got it, in milliseconds after the first; NaN where it did not. By number of the Envoy. */
  readonly arrivalsMs: Float32Array;
  reached = 0;
  /** Streams that went straight to a later version. */
  skipped = 0;
  lastPushAtMs: number;
  #cpuMicros: number | undefined;
  private readonly cpuAtStart = process.cpuUsage();

  constructor(
    readonly secretName: string,
    readonly number: number,
    readonly firstPushAtMs: number,
    envoys: number,
  ) {
    this.lastPushAtMs = firstPushAtMs;
    this.arrivalsMs = new Float32Array(envoys).fill(Number.NaN);
  }

  /** Notes that it came to an Envoy, whose ACK is on its way. */
  arrived(envoy: number, atMs: number): void {
    this.arrivalsMs[envoy] = atMs - this.firstPushAtMs;
    this.reached += 1;
    this.lastPushAtMs = atMs;
  }

  /** It has come to all streams: what CPU it took is known. */
  settle(): void {
    if (this.#cpuMicros !== undefined) return;
    const { user, system } = process.cpuUsage(this.cpuAtStart);
    this.#cpuMicros = user + system;
  }

  /** CPU time of the whole process from the first push to the last; `undefined` when it has not come to all streams. */
  get cpuMicros(): number | undefined {
    return this.#cpuMicros;
  }
}
