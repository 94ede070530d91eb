/**
 * agent/federation: the trust bundles of other trust domains, as SPIFFE publishes them: reads their documents, fetches
 * them from bundle endpoints, and keeps the last good one while an endpoint is away.
 */
export { BundleEndpoint, type EndpointStatus } from './bundle-endpoint.js';
export { type EndpointProfile, fetchBundle } from './fetch-bundle.js';
export { parseSpiffeBundle } from './spiffe-bundle.js';
