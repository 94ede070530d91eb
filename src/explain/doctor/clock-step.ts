import { lengthText } from '../time-words.js';
import { type Finding, Step } from './finding.js';

/** CAs date a certificate back by minutes, so that clocks may differ: Istio and Citadel by two. */
const MOST_DATED_BACK_MS = 10 * 60_000;

const SET_CLOCK = 'set the clock of this machine (chronyc tracking, timedatectl), or that of the CA';

/** What the begin of a certificate that was just issued says of the two clocks. Pure; epoch milliseconds. */
export function examineClock(notBeforeMs: number, nowMs: number): Finding {
  const step = new Step('clock');
  const aheadMs = notBeforeMs - nowMs;
  if (aheadMs > 0) {
    return step.warn(
      `ours is behind that of the CA by at least ${lengthText(aheadMs)}: the new certificate is not yet valid`,
      SET_CLOCK,
    );
  }
  if (-aheadMs > MOST_DATED_BACK_MS) {
    return step.warn(
      `the certificate that was issued now began ${lengthText(aheadMs)} ago: ours is ahead of that of the CA by about as much`,
      SET_CLOCK,
    );
  }
  return step.ok(`agrees with that of the CA within minutes (the new certificate began ${lengthText(aheadMs)} ago)`);
}
