import type { FleetObserver, FleetState } from './fleet-options.js';

/** Goes to the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[K';

/** Where no line can be drawn over, how it goes is printed this often. */
const PLAIN_PERIOD_MS = 5000;

/** Shows a person how a run goes: one line that changes on a terminal, a line now and then elsewhere. */
export class FleetDisplay implements FleetObserver {
  private nextPlainAtMs = PLAIN_PERIOD_MS;

  /** `out` takes whole lines; `draw`, when there is a terminal, text as it is. */
  constructor(
    private readonly out: (line: string) => void,
    private readonly draw: ((text: string) => void) | undefined,
  ) {}

  progress(state: FleetState): void {
    if (this.draw !== undefined) {
      this.draw(`${CLEAR_LINE}${progressText(state)}`);
    } else if (state.elapsedMs >= this.nextPlainAtMs) {
      this.nextPlainAtMs = state.elapsedMs + PLAIN_PERIOD_MS;
      this.out(progressText(state));
    }
  }

  milestone(text: string): void {
    this.end();
    this.out(text);
  }

  /** Takes the line away. */
  end(): void {
    this.draw?.(CLEAR_LINE);
  }
}

function progressText(state: FleetState): string {
  const { elapsedMs, started, envoys, served, streams, rotations, pushes, refusedConnects, errors } = state;
  const parts = [
    `${(elapsedMs / 1000).toFixed(1)} s`,
    `${started} of ${envoys} Envoys`,
    `${served} of ${streams} streams served`,
    `${rotations} rotations`,
    `${pushes} pushes`,
    ...(refusedConnects > 0 ? [`${refusedConnects} refused`] : []),
    ...(errors > 0 ? [`${errors} errors`] : []),
  ];
  return parts.join(' · ');
}
