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
/** Those of `node:module`, which a health check has no other use for. The code cache is one of this very text. */
const WRAPPER_HEAD = '(function (exports, require, module, __filename, __dirname) { ';
const WRAPPER_TAIL = '\n});';
const compiled = compile(name);
// A health check is over before V8 optimises anything.
if (name !== 'health') setV8Flags(command);
run(compiled);

interface Compiled {
  readonly script: Script;
  readonly filename: string;
}

function compile(bundle: string): Compiled {
  const filename = join(__dirname, `${bundle}.js`);
  // Bundles are ASCII, which costs half the memory when it is read as such.
  const source = `${WRAPPER_HEAD}${textOf(filename)}${WRAPPER_TAIL}`;
  return { filename, script: new Script(source, { filename, ...cacheOf(bundle) }) };
}

function run({ script, filename }: Compiled): unknown {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, load, module, filename, __dirname);
  return module.exports;
}

/**
 * What dials a Citadel has a code cache, too. All else our own `require` finds as the bundle's would: it lies beside
 * this file.
 */
function load(id: string): unknown {
  return id === './citadel-peer.js' ? run(compile('citadel-peer')) : require(id);
}

function textOf(filename: string): string {
  try {
    return readFileSync(filename, 'latin1');
  } catch (error) {
    process.stderr.write(`sidecert: the program is not whole: ${(error as Error).message}\n`);
    process.exit(1);
  }
}

function cacheOf(bundle: string): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(join(__dirname, `${bundle}.cache`)) };
  } catch {
    // None was made, as for commands whose start takes no time.
    return {};
  }
}
