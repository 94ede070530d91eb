/**
 * cancellation: cancels work in flight, or marks it late, where there are thousands of calls and nearly none is ever
 * cancelled.
 */
export { type Cancellable, type CancelSignal, CancelSource } from './cancel-source.js';
