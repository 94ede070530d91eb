import { symptomOf, symptomOfCode } from '../symptoms/index.js';

/** What to do about an error, by its code, in the words of docs/troubleshooting.md. */
export function adviceOf(code: string): string {
  const id = symptomOfCode(code);
  return id === undefined ? 'docs/errors.md says what to do' : symptomOf(id).advice;
}
