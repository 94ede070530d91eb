import type { FleetObserver, FleetState } from './fleet-options.js';
import { ProgressLine } from './progress-line.js';

/** Shows a person how a run goes. */
export class FleetDisplay extends ProgressLine implements FleetObserver {
  progress(state: FleetState): void {
    this.show(state.elapsedMs, progressText(state));
  }

  milestone(text: string): void {
    this.end();
    this.out(text);
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
