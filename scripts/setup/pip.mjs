import { run, SetupError } from './run.mjs';

/**
 * The name of a Python 3 that has pip.
 * @throws SetupError when there is none.
 */
export async function findPip() {
  for (const python of ['python3', 'python']) {
    if ((await run(python, ['-m', 'pip', '--version'])).code === 0) return python;
  }
  throw new SetupError('Python 3 with pip is missing (on Debian: apt-get install python3-pip)');
}
