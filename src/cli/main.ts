// First: see there. What ships has done so in its launcher already, and does no harm by doing it again.
import './debug-signal.js';
import { begin } from './begin.js';
import { runProgram } from './program.js';

begin(runProgram);
