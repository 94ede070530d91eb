/**
 * symptoms: what a person sees, why that is, and what to do: one table in one place, for `sidecert doctor`, `sidecert
 * explain`, the status page and docs/troubleshooting.md, so that all of them say it in the same words.
 */
export { SYMPTOMS, type SymptomId, symptomOf, symptomOfCode } from './symptoms.js';
export { withTable } from './table-text.js';
