/** cli: argv, environment, signals and exit codes. `main.ts` is the program; nothing imports this room. */
export { runProgram } from './program.js';
