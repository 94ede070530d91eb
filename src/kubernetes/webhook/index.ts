/**
 * kubernetes/webhook: injects pods as they are made: answers what the API server asks about them, by the function of
 * `kubernetes/inject`, and keeps the roots in the webhook configuration by which the API server verifies us.
 */
export { CaBundleKeeper } from './ca-bundle-keeper.js';
export { type ReviewServer, startReviewServer } from './review-server.js';
export { ReviewService } from './review-service.js';
export { RootsDelivery } from './roots-delivery.js';
export { ServingCertificate } from './serving-certificate.js';
