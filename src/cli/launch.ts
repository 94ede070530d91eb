/**
 * What `dist/sidecert.js` is: starts the bundle of the command, with the code that V8 compiled of it when it was built.
 * Compiling is half of an agent's start; a cache that another Node.js made is refused by V8, and then all is as without.
 */
// First: see there.
import './debug-signal.js';
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { setV8Flags } from './v8-flags.js';

/** The agent, and the health check of probes, have bundles of their own: the less text there is, the sooner it is read. */
const name = ['agent', 'health'].find((command) => command === process.argv[2]) ?? 'commands';
const filename = join(__dirname, `${name}.js`);
// Bundles are ASCII, which costs half the memory when it is read as such.
const script = new Script(Module.wrap(bundle()), { filename, ...cache() });
// A health check is over before V8 optimises anything.
if (name !== 'health') setV8Flags(process.argv[2]);
const module = { exports: {} };
script.runInThisContext()(module.exports, createRequire(filename), module, filename, __dirname);

function bundle(): string {
  try {
    return readFileSync(filename, 'latin1');
  } catch (error) {
    process.stderr.write(`sidecert: the program is not whole: ${(error as Error).message}\n`);
    process.exit(1);
  }
}

function cache(): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(join(__dirname, `${name}.cache`)) };
  } catch {
    // None was made, as for the commands that nobody waits for.
    return {};
  }
}
