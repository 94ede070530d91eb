/**
 * status: what a probe, Prometheus or a person is told of a running agent, Citadel or injector, over plain HTTP:
 * `/metrics`, `/healthz/ready`, `/healthz/live` and `/status`. Loaded only where it is switched on.
 */
export { type AgentStatusOptions, agentStatus, type MountedFilesFacts } from './agent-status.js';
export { citadelStatus } from './citadel-status.js';
export type { IdentityFacts } from './identity-section.js';
export { injectorStatus } from './injector-status.js';
export { ProcessMetrics } from './process-metrics.js';
export type { StatusPage } from './status-page.js';
export type { StatusContent } from './status-pages.js';
export { type StatusServer, type StatusServerOptions, startStatusServer } from './status-server.js';
