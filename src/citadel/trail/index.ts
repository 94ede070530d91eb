/**
 * citadel/trail: what was issued and refused, as records in files that are only ever appended to. Each holds the hash
 * of the one before, so that a cut or an edit is found.
 */
export { findValidLeaves, readTrail, readValidLeaves } from './read-trail.js';
export { TrailFollower, type TrailLine } from './trail-follower.js';
export { parsePosition, type TrailPosition, type TrailRecord } from './trail-record.js';
export { type AuthorityFields, type TrailOptions, type TrailState, TrailWriter } from './trail-writer.js';
export { type TrailFault, type TrailReport, verifyTrail } from './verify-trail.js';
