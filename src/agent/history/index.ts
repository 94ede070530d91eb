/**
 * agent/history: what has happened to an agent recently, in small, fixed memory and without secrets, for those who
 * explain a failure.
 */
export { History } from './history.js';
