import { RotationMeasure } from './rotation.js';

/** What the recorder needs to know of a stream. */
export interface RecordedStream {
  readonly name: string;
  readonly envoyNumber: number;
  /** False for one that misbehaves on purpose: it is served, but not waited for. */
  readonly isMeasured: boolean;
}

/** Takes note of all that happens to the fleet; what becomes of the notes is the report's. */
export class Recorder {
  refusedConnects = 0;
  /** Those that a server has refused for good, each once. */
  refusedStreams = 0;
  /** Messages received. */
  pushes = 0;
  /** Messages with what the stream had already. */
  repeats = 0;
  lastPushAtMs = 0;
  /** When the last stream got its first secret; `undefined` until all have. */
  allServedAtMs: number | undefined;
  /** From the beginning of the connect to the first secret, of each stream in the order in which they got it. */
  readonly firstSecretMs: number[] = [];
  /** The same of streams that had to come back. */
  readonly returnedMs: number[] = [];
  readonly errors = new Map<string, number>();
  readonly errorDetails = new Map<string, string>();
  /** By name; number 0 is the first version and no rotation, so it is left out. */
  readonly rotations = new Map<string, RotationMeasure[]>();
  private unserved: number;

  constructor(
    private readonly envoys: number,
    /** Streams of one name that are measured. */
    readonly measuredPerName: number,
    names: readonly string[],
  ) {
    this.unserved = measuredPerName * names.length;
    for (const name of names) this.rotations.set(name, []);
  }

  get unservedCount(): number {
    return this.unserved;
  }

  /** An error of a stream or of a connect. The first detail of each kind is kept. */
  failed(error: string, detail: string): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
    if (detail !== '' && !this.errorDetails.has(error)) this.errorDetails.set(error, detail);
  }

  /** A stream got the first secret of its life. */
  served(stream: RecordedStream, tookMs: number, atMs: number): void {
    if (!stream.isMeasured) return;
    this.firstSecretMs.push(tookMs);
    this.unserved -= 1;
    if (this.unserved === 0) this.allServedAtMs = atMs;
  }

  /** A stream went from version `from` to `to`. */
  rotated(stream: RecordedStream, from: number, to: number, atMs: number): void {
    if (!stream.isMeasured) return;
    for (let number = from + 1; number < to; number += 1) this.rotation(stream.name, number, atMs).skipped += 1;
    const rotation = this.rotation(stream.name, to, atMs);
    rotation.arrived(stream.envoyNumber, atMs);
    if (this.isComplete(rotation)) rotation.settle();
  }

  /** Rotations of the name that has had most, which all of its streams have had. */
  get completeRotations(): number {
    let most = 0;
    for (const rotations of this.rotations.values()) {
      const complete = rotations.filter((rotation) => this.isComplete(rotation));
      most = Math.max(most, complete.length);
    }
    return most;
  }

  /** The youngest rotation of all, complete or not. */
  get current(): RotationMeasure | undefined {
    let youngest: RotationMeasure | undefined;
    for (const rotations of this.rotations.values()) {
      const last = rotations.at(-1);
      if (last !== undefined && last.firstPushAtMs >= (youngest?.firstPushAtMs ?? 0)) youngest = last;
    }
    return youngest;
  }

  private rotation(name: string, number: number, atMs: number): RotationMeasure {
    const rotations = this.rotations.get(name) ?? [];
    this.rotations.set(name, rotations);
    while (rotations.length < number)
      rotations.push(new RotationMeasure(name, rotations.length + 1, atMs, this.envoys));
    const rotation = rotations[number - 1];
    if (rotation === undefined) throw new RangeError(`rotation ${number} of ${name}: numbers begin at 1`);
    return rotation;
  }

  private isComplete({ reached, skipped }: RotationMeasure): boolean {
    return reached + skipped >= this.measuredPerName;
  }
}
