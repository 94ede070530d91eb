/**
 * agent/history: what has happened to an agent recently, in small, fixed memory and without secrets, for those who
 * explain a failure.
 */
export {
  type BundleEvent,
  type ClockEvent,
  type FailureEvent,
  History,
  type LeafEvent,
  type RejectionEvent,
  type RememberedRoot,
  type RevocationEvent,
} from './history.js';
