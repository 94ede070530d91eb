/**
 * rotation: *when* to renew. Pure schedules, and the one timer that all due times share.
 */
export { type FailedTry, type FailureKind, retryDelayMs } from './retry-policy.js';
export { type RenewalWindow, rotateAtMs } from './schedule.js';
export { type ScheduledCall, systemClock, TimerWheel, type WheelClock } from './timer-wheel.js';
export { waitUntil } from './wait-until.js';
