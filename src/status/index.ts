/**
 * status: what a probe, Prometheus or a person is told of a running agent or Citadel, over plain HTTP: `/metrics`,
 * `/healthz/ready`, `/healthz/live` and `/status`. Loaded only where it is switched on.
 */
export { ProcessMetrics } from './process-metrics.js';
export type { JsonValue, StatusContent } from './status-pages.js';
export { type StatusServer, type StatusServerOptions, startStatusServer } from './status-server.js';
