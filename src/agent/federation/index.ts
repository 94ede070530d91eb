/**
 * agent/federation: the trust bundles of other trust domains, as SPIFFE publishes them: reads their documents, asks
 * for them at bundle endpoints, and keeps the last good one while an endpoint is away.
 */
export { BundleEndpoint, type EndpointStatus } from './bundle-endpoint.js';
export { type DocumentRequest, type EndpointProfile, fetchBundle, type ReadDocument } from './fetch-bundle.js';
export { parseSpiffeBundle } from './spiffe-bundle.js';
