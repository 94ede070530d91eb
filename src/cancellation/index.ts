/**
 * cancellation: how what is under way is called off, or late, where there are thousands of it and nearly none ever is.
 */
export { AbortListeners } from './abort-listeners.js';
export { type DeadlineClock, Deadlines } from './deadlines.js';
export { LazyAbort } from './lazy-abort.js';
export { type EndSignal, LightAbort } from './light-abort.js';
