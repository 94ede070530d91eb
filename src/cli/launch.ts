/**
 * What `dist/sidecert.js` is: starts the bundle of the command, with the code that V8 compiled of it when it was built.
 * Compiling is half of an agent's start; a cache that another Node.js made is refused by V8, and then all is as
 * without.
 */
// First: see there.
import './debug-signal.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { setV8Flags } from './v8-flags.js';

/**
 * The agent, and the health check of probes, have bundles of their own: the less text there is, the sooner it is read.
 */
const command = process.argv[2] === 'pilot-agent' ? 'agent' : process.argv[2];
const name = ['agent', 'health'].find((known) => known === command) ?? 'commands';
const filename = join(__dirname, `${name}.js`);
/** Those of `node:module`, which a health check has no other use for. The code cache is one of this very text. */
const WRAPPER_HEAD = '(function (exports, require, module, __filename, __dirname) { ';
const WRAPPER_TAIL = '\n});';
// Bundles are ASCII, which costs half the memory when it is read as such.
const script = new Script(`${WRAPPER_HEAD}${bundle()}${WRAPPER_TAIL}`, { filename, ...cache() });
// A health check is over before V8 optimises anything.
if (name !== 'health') setV8Flags(command);
const module = { exports: {} };
// The bundle lies beside this file: our own `require` finds for it what it would find itself.
script.runInThisContext()(module.exports, require, module, filename, __dirname);

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
    // None was made, as for commands whose start takes no time.
    return {};
  }
}
