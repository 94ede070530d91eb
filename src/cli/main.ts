#!/usr/bin/env node
import { runProgram } from './program.js';

// Set, not called: what is still to be written to a pipe gets written. `program.ts` has closed everything by then.
process.exitCode = await runProgram(process.argv.slice(2));
