/**
 * citadel/issuance: what Citadel answers. Reads what is asked, has a leaf signed, and answers over
 * `istio.v1.auth.IstioCertificateService` as istiod does, fairly among its callers; and the roots alone, over a service
 * of our own.
 */
export { MAX_CERTIFICATE_REQUEST_BYTES } from './certificate-codec.js';
export { addCertificateMethod } from './certificate-service.js';
export { type FleetSummary, FleetView, type LeavesOfIssuer, type ListsNow, type RestoredLeaf } from './fleet-view.js';
export { IstioMetrics } from './istio-metrics.js';
export { RecentRequests } from './recent-requests.js';
export { rootsVersion } from './trust-bundle-codec.js';
export { addTrustBundleMethod } from './trust-bundle-service.js';
