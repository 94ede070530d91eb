// First: see there. What ships has done so in its launcher already, and does no harm by doing it again.
import './debug-signal.js';
import { prepareProcess } from './prepare-process.js';
import { tolerateClosedOutput } from './process.js';
import { runProgram } from './program.js';

// Deprecations are for us and not for who runs us, and as lines of text they have no place in a log of JSON.
process.noDeprecation = true;
tolerateClosedOutput();
prepareProcess();

// Set, not called: what is still to be written to a pipe gets written. `program.ts` has closed everything by then.
// Not awaited at the top: a CommonJS bundle cannot, and `runProgram` answers every failure with an exit code.
void runProgram(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
