/**
 * migrate: moves a set of agents, and all that they talk to, from mounted files to a CA, step by step. Reads where each
 * stands, judges whether a step would have a workload refuse its peer, and takes it, or takes it back.
 */
export { findUnusedSecrets, removeSecrets } from './clean-up.js';
export { ClusterAgents, openCluster } from './cluster-agents.js';
export { resultDocument, statusDocument, usesDocument, verdictDocument } from './documents.js';
export { judge } from './judge.js';
export { LocalAgents } from './local-agents.js';
export type { Member } from './member.js';
export { membersOfMachine } from './members-of-machine.js';
export type { MigrationSet } from './migration-set.js';
export { shownMembers, shownResult, shownUses, shownVerdict } from './report.js';
export { takeStep } from './take-step.js';
