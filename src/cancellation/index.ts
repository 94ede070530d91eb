/**
 * cancellation: how what is under way is called off, where there are thousands of it and nearly none ever is.
 */
export { AbortListeners } from './abort-listeners.js';
export { Departure } from './departure.js';
export { LazyAbort } from './lazy-abort.js';
