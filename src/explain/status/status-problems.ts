import { JsonSection } from '../json-section.js';

/**
 * Why not everything that is served is valid, one text each; empty when all is. Pure: `document` is a `/status` page,
 * `nowMs` epoch milliseconds. A failed renewal is none as long as the certificate before it is valid.
 */
export function statusProblems(document: unknown, nowMs: number): string[] {
  const page = new JsonSection(document);
  return [
    ...agentProblems(page, nowMs),
    ...citadelProblems(page, nowMs),
    ...injectorProblems(page, nowMs),
    ...outputProblems(page),
  ];
}

function agentProblems(page: JsonSection, nowMs: number): string[] {
  if (!page.has('identities')) return [];
  const identities = page.list('identities');
  if (identities.length === 0 && page.text('mode') !== 'node') return ['there is no certificate'];
  return identities.flatMap((identity) => identityProblems(identity, nowMs));
}

function identityProblems(identity: JsonSection, nowMs: number): string[] {
  const name = identity.text('spiffe_id') ?? 'a workload without SPIFFE ID';
  const endMs = identity.timeMs('not_after');
  if (identity.text('svid') === 'valid' && (endMs === undefined || endMs > nowMs)) return [];
  return [endMs === undefined ? `${name} has no certificate` : `the certificate of ${name} has expired`];
}

function citadelProblems(page: JsonSection, nowMs: number): string[] {
  const endMs = page.section('authority')?.timeMs('not_after');
  return endMs !== undefined && endMs <= nowMs ? ['the signing certificate has expired'] : [];
}

function injectorProblems(page: JsonSection, nowMs: number): string[] {
  const identity = page.section('identity');
  if (identity === undefined) return [];
  const state = page.section('ca_bundle')?.text('state');
  const isWritten = state === undefined || state === 'written';
  return [
    ...identityProblems(identity, nowMs),
    ...(isWritten ? [] : [`the roots in the webhook configuration are ${state}`]),
  ];
}

function outputProblems(page: JsonSection): string[] {
  const output = page.section('output_certs');
  return output?.text('state') === 'failing' ? [`the files in ${output.text('path')} cannot be written`] : [];
}
