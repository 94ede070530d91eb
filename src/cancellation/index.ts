/**
 * cancellation: cancels work in flight, or marks it late, where there are thousands of calls and nearly none is ever
 * cancelled.
 */
export { AbortListeners } from './abort-listeners.js';
export { LazyAbort } from './lazy-abort.js';
export { type EndSignal, LightAbort } from './light-abort.js';
