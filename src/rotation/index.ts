/**
 * rotation: *when* to renew. Pure schedules, and the one timer that all due times share.
 */
export { type RenewalWindow, retryDelayMs, rotateAtMs } from './schedule.js';
export { type ScheduledCall, systemClock, TimerWheel, type WheelClock } from './timer-wheel.js';
export { waitUntil } from './wait-until.js';
