import { status } from '../status-code.js';

/**
 * Why a call has failed, where that is another matter than its status: the peer's certificate does not verify, or its
 * answer cannot be used, whatever status it has.
 */
export type CallFault = 'peer-unverified' | 'answer-unusable';

export interface CallFailureOptions extends ErrorOptions {
  readonly fault?: CallFault | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** How a call failed: with the status that the peer gave, or the one that stands for what happened on the way. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  /** What the status does not say. */
  readonly fault: CallFault | undefined;
  /** How long the peer wants not to be asked again, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly code: status,
    /** What the peer said, or what happened. May come from the network. */
    readonly details: string,
    options: CallFailureOptions = {},
  ) {
    super(`${status[code]}: ${details}`, options);
    this.fault = options.fault;
    this.retryAfterMs = options.retryAfterMs;
  }
}
