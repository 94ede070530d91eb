/**
 * explain: why something does not work, for the person at the terminal. It reads what a running agent, Citadel or
 * injector tells of itself, and lays it out. It changes nothing, and is loaded by the commands that ask for it alone.
 */

export { adviceOf } from './advice.js';
export type { DoctorPlan, ExaminedCa } from './doctor/examine.js';
export type { Finding } from './doctor/finding.js';
export { explainHandshake } from './handshake/explain.js';
export { handshakeDocument, shownHandshake } from './handshake/shown-handshake.js';
export { JsonSection } from './json-section.js';
export { loadDoctor } from './load-doctor.js';
export { type LocalTarget, targetText } from './local-http.js';
export { askLogLevel } from './status/ask-log-level.js';
export { askRevocation, type RevokedCertificate } from './status/ask-revocation.js';
export { askStatus, type StatusReply } from './status/ask-status.js';
export { shownStatus } from './status/shown-status.js';
export { statusProblems } from './status/status-problems.js';
export { Style } from './style.js';
export { distanceText, lengthText } from './time-words.js';
