/**
 * timers: wall-clock timers, deadlines and schedules. *When* something is due, and one timer for many of them; what is
 * done then is its owner's.
 */
export { type DeadlineClock, Deadlines, unreferencedTime } from './deadlines.js';
export { type Every, everyUnreferenced } from './every.js';
export { monotonicMs } from './monotonic-clock.js';
export { attemptTimeoutMs, type FailedTry, type FailureKind, retryDelayMs } from './retry-policy.js';
export { planRenewal, type RenewalPlan, type RenewalPolicy, type RenewalWindow, rotateAtMs } from './schedule.js';
export { sleep } from './sleep.js';
export { waitUntil } from './wait-until.js';
export { type ScheduledCall, systemClock, type TimerClock, WallClockTimers } from './wall-clock-timers.js';
