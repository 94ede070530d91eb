/** explain/doctor: tries each step on the way to a served certificate. The one part of its room that dials others. */
export { examine } from './examine.js';
export { findingLine } from './finding.js';
export { workloadCredentials } from './workload-credentials.js';
