import { status } from './status-code.js';

/** How a call failed: with the status that the peer gave, or the one that stands for what happened on the way. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';

  constructor(
    readonly code: status,
    /** What the peer said, or what happened. May come from the network. */
    readonly details: string,
    options?: ErrorOptions,
  ) {
    super(`${status[code]}: ${details}`, options);
  }
}
