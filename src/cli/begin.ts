import { prepareProcess } from './prepare-process.js';
import { tolerateClosedOutput } from './process.js';

/**
 * Prepares the process, and runs the program with its arguments: what `run` resolves with is the exit code. It never
 * rejects.
 */
export function begin(run: (args: readonly string[]) => Promise<number>): void {
  // Deprecations are for us and not for who runs us, and as lines of text they have no place in a log of JSON.
  process.noDeprecation = true;
  tolerateClosedOutput();
  prepareProcess();
  // Set, not called: what is still to be written to a pipe gets written. `run` has closed everything by then.
  // Not awaited at the top: a CommonJS bundle cannot.
  void run(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
