/**
 * fairness: who gets the next place, and who must give one up, where many callers have few places in common. Pure, but
 * for the wait of those who are in the queue.
 */
export type { QueuePlace } from './fair-queue.js';
export { heavy, idlest } from './fair-share.js';
export { type AcquireRequest, type Precedence, Semaphore } from './semaphore.js';
export { Shares } from './shares.js';
