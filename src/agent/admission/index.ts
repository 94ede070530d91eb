/**
 * agent/admission: which pod a stream's own token stands for, and that the CA has accepted it. Keeps one identity per
 * pod, in node mode.
 */
export { Pod } from './pod.js';
export { podIdentityOf } from './pod-identity.js';
export { type PodStatus, Pods, type PodsOptions } from './pods.js';
export { StreamAdmission } from './stream-admission.js';
export { type TokenCheck, TokenGate, type TokenGateOptions } from './token-gate.js';
