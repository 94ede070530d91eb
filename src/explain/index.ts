/**
 * explain: why something does not work, for the person at the terminal. It reads what a running agent, Citadel or
 * injector tells of itself, and lays it out. It changes nothing, and is loaded by the commands that ask for it alone.
 */
export { askStatus, type StatusReply, type StatusTarget } from './status/ask-status.js';
export { shownStatus } from './status/shown-status.js';
export { statusProblems } from './status/status-problems.js';
export { Style } from './style.js';
