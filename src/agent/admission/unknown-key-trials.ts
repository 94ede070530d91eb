/** After the CA has refused a token of an unknown key, none goes to it for so long, doubled with each one more. */
const FIRST_PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 60_000;

/** How a token of an unknown key has fared with the CA; `undecided` when the CA has given no word on it. */
export type TrialOutcome = 'accepted' | 'refused' | 'undecided';

/**
 * Which tokens go to the CA although they name a key that the key set does not have, also after it has been read again.
 *
 * As a rule such a key id is made up: a forger writes into the header what he likes, so if each of these went to the
 * CA, the check would stop none of them. It may also be the id of a fresh key, in a cluster whose keys are newer than
 * our file: if none went, every new pod of the node would stay without a certificate until the file is replaced. The CA
 * decides in both cases, so what is at stake is only its time and that of our own cores. Hence one of these tokens is
 * before the CA at a time: the next one at once when the last was accepted, and after any other end only when a pause
 * is over. So a stale file costs new pods that they come one after the other, and a flood of made-up ids costs the CA
 * one call a minute.
 *
 * An accepted key id is not remembered: each token shows it, and others could forge more with it.
 */
export class UnknownKeyTrials {
  private isUnderWay = false;
  private pauseMs = 0;
  /** When the last one ended, in epoch milliseconds. */
  private endedAtMs = 0;

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  /** Whether one more may go to the CA now. If so, {@link end} has to follow. */
  begin(): boolean {
    // The distance, not the order: a clock that was set back must not prolong the pause.
    if (this.isUnderWay || Math.abs(this.now() - this.endedAtMs) < this.pauseMs) return false;
    this.isUnderWay = true;
    return true;
  }

  end(outcome: TrialOutcome): void {
    this.isUnderWay = false;
    this.endedAtMs = this.now();
    switch (outcome) {
      case 'accepted':
        this.pauseMs = 0;
        return;
      case 'refused':
        this.pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.pauseMs * 2), LONGEST_PAUSE_MS);
        return;
      case 'undecided':
        // Without a pause, streams that end before the CA answers would cost one key after the other.
        this.pauseMs = Math.max(FIRST_PAUSE_MS, this.pauseMs);
        return;
      default:
        outcome satisfies never;
    }
  }
}
