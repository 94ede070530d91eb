/**
 * agent/sds: speaks Envoy's secret discovery service. `subscription.ts` decides what a stream gets and when, and knows
 * SotW and delta; around it are the codec, the stream, and the broadcast of a rotation. Which secrets there are, and
 * for whom, is the {@link SecretSource}'s.
 */
export type { LastRejection } from './last-rejections.js';
export { MAX_REQUEST_BYTES } from './request-codec.js';
export { RestConnections, type RestConnectionsOptions } from './rest/rest-connections.js';
export { type RestHandlerOptions, restHandler } from './rest/rest-handler.js';
export type { EndedRollout } from './rollouts.js';
export { createSdsServer, type SdsServer, type SdsServerOptions } from './sds-server.js';
export type { NameStatus, SdsStatus } from './sds-status.js';
export type { RejectedSecrets } from './sds-stream.js';
export type { SecretKind } from './secret-kind.js';
export type { SecretSource, SecretView, SecretViewEvents, ServedSecret, StreamCaller } from './secret-source.js';
export type { NameState } from './sending.js';
export { SECRET_TYPE_URL } from './type-url.js';
