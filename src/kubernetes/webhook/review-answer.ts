import { clipped } from '../../text/index.js';
import type { Decision } from './decide.js';

/** Clients show longer ones cut off, and of all of them about 4 kB. (Kubernetes, "Response: warnings") */
const MAX_WARNING_CHARS = 240;
const MAX_WARNINGS = 8;

/** What is wrong stands in the manifest: asking again does not help. */
const BAD_REQUEST = 400;

/** The AdmissionReview that answers a request, as JSON. Pure. (admission.k8s.io/v1 AdmissionResponse) */
export function encodeAnswer(uid: string, decision: Decision): Buffer {
  const response = { uid, ...responseOf(decision) };
  return Buffer.from(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
}

function responseOf(decision: Decision): object {
  switch (decision.kind) {
    case 'denied': {
      const { message } = decision;
      return { allowed: false, status: { status: 'Failure', reason: 'BadRequest', code: BAD_REQUEST, message } };
    }
    case 'skipped':
      return { allowed: true, ...warningsOf(decision.warnings) };
    case 'injected': {
      const { patch, warnings } = decision;
      const changes = patch.length > 0 && { patchType: 'JSONPatch', patch: base64(JSON.stringify(patch)) };
      return { allowed: true, ...changes, ...warningsOf(warnings) };
    }
    default:
      return decision satisfies never;
  }
}

function warningsOf(texts: readonly string[]): { readonly warnings?: readonly string[] } {
  const warnings = texts.slice(0, MAX_WARNINGS).map((text) => clipped(`sidecert: ${text}`, MAX_WARNING_CHARS));
  return warnings.length === 0 ? {} : { warnings };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
