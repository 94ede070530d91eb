import type { IdentityError } from '../errors/index.js';
import type { Operation, Operations } from './implementation.js';

/** One request that waits, or that a thread works on. */
export interface Job<O extends Operation = Operation> {
  readonly op: O;
  readonly item: Operations[O]['item'];
  readonly isFirst?: boolean | undefined;
  resolve(value: Operations[O]['value']): void;
  reject(error: IdentityError): void;
}
