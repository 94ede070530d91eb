import { Flag, Frame } from '../../../src/net/http2/index.js';
import { codeOf, type RawFrame } from '../../support/raw-frames.js';

/** What one half of HTTP/2 made of what a peer has sent last. */
export type Verdict = 'accepted' | 'stream error' | 'connection error' | 'no answer';

export interface Outcome {
  readonly verdict: Verdict;
  /** Of the RST_STREAM or GOAWAY; 0 for the other verdicts. */
  readonly code: number;
  /** The streams that its owner was told of by then. */
  readonly served: string;
}

/** The text of the PING that stands behind everything: whoever answers it has read all. */
export const LAST_PING = 'the last';

/** Whether there is nothing to wait for: the PING is answered, or the connection is given up. */
export function isDecided(frames: readonly RawFrame[]): boolean {
  return frames.some((frame) => isLastPong(frame) || isFailure(frame));
}

/** Reads the verdict out of the frames that came back for it. */
export function outcomeOf(
  frames: readonly RawFrame[],
  { isEnded, served }: { isEnded: boolean; served: string },
): Outcome {
  const failure = frames.find(isFailure);
  if (failure !== undefined) return { verdict: 'connection error', code: codeOf(failure), served };
  if (isEnded) return { verdict: 'connection error', code: -1, served };
  if (!frames.some(isLastPong)) return { verdict: 'no answer', code: 0, served };
  const reset = frames.find((frame) => frame.type === Frame.resetStream && codeOf(frame) !== 0);
  if (reset !== undefined) return { verdict: 'stream error', code: codeOf(reset), served };
  return { verdict: 'accepted', code: 0, served };
}

function isLastPong({ type, flags, payload }: RawFrame): boolean {
  return type === Frame.ping && (flags & Flag.ack) !== 0 && payload.toString('latin1') === LAST_PING;
}

function isFailure(frame: RawFrame): boolean {
  return frame.type === Frame.goAway && codeOf(frame) !== 0;
}
