export interface SamplerOptions {
  /** Which part of the traces is recorded, from 0 to 1. */
  readonly ratio: number;
  /** A trace that its caller records is recorded here, too, whatever the ratio. */
  readonly isParentBased: boolean;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Traces of callers that may be recorded beyond the ratio at one moment: honest callers do not come evenly. */
const MAX_CREDIT = 64;

/**
 * Which traces are recorded. What begins here is drawn by lot. Of what a caller records, and says so, as much is
 * recorded as the ratio grants of all calls that bring a trace: so the halves of a trace fit together, and a caller
 * that marks all of its calls, or chooses the ids of its traces, gets no more than that. What a caller does not record
 * is not recorded here.
 */
export class Sampler {
  private credit: number;

  constructor(private readonly options: SamplerOptions) {
    this.credit = options.ratio > 0 ? 1 : 0;
  }

  begins(): boolean {
    const { ratio, random } = this.options;
    return random() < ratio;
  }

  follows(isSampledByCaller: boolean): boolean {
    const { ratio, isParentBased } = this.options;
    if (isParentBased) return isSampledByCaller;
    this.credit = Math.min(MAX_CREDIT, this.credit + ratio);
    if (!isSampledByCaller || this.credit < 1) return false;
    this.credit -= 1;
    return true;
  }
}
