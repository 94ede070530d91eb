import { fileURLToPath } from 'node:url';
import { firstExecutable, placesOnPath } from './executables.mjs';
import { buildGoProgram, goProgramPath } from './go-program.mjs';

const H2SPEC = {
  name: 'h2spec',
  /** The newest that Go can build by its version. `h2spec/go.mod` pins it with all that it is built of. */
  version: '2.2.1',
  module: fileURLToPath(new URL('h2spec', import.meta.url)),
  source: 'github.com/summerwind/h2spec/cmd/h2spec',
  /** Some seconds on two cores, once its modules have been downloaded. */
  limitMs: 300_000,
};

/** Where it lies: built before, or on the PATH; `undefined` when it is nowhere. */
export function findH2spec(env = process.env) {
  return firstExecutable([goProgramPath(H2SPEC), ...placesOnPath(['h2spec'], env)]);
}

/** Builds it and returns where it lies. @throws SetupError saying what Go said. */
export function buildH2spec() {
  return buildGoProgram(H2SPEC);
}
