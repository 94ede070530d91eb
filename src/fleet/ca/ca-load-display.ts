import { ProgressLine } from '../progress-line.js';
import type { CaLoadObserver, CaLoadState } from './ca-load-options.js';

/** Shows a person how a load of a CA goes. */
export class CaLoadDisplay extends ProgressLine implements CaLoadObserver {
  progress({ elapsedMs, begun, inFlight, issued, failed }: CaLoadState): void {
    const parts = [
      `${(elapsedMs / 1000).toFixed(1)} s`,
      `${begun} requests`,
      `${inFlight} in flight`,
      `${issued} certificates`,
      ...(failed > 0 ? [`${failed} failed`] : []),
    ];
    this.show(elapsedMs, parts.join(' · '));
  }
}
