import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { findPip } from './pip.mjs';
import { excerpt, run, SetupError } from './run.mjs';

/** Python's gRPC, which is the C core that Envoy's google_grpc uses: a client that shares no code with ours. */
const GRPCIO = '1.85.1';

/** With its client of reflection, and what that reads descriptors by. */
const PACKAGES = [`grpcio==${GRPCIO}`, `grpcio-reflection==${GRPCIO}`, 'protobuf==7.36.2'];

const DIRECTORY = resolve('.cache/grpc-core', `${GRPCIO}-reflection`);

/** Where the package lies, for PYTHONPATH; `undefined` when it has not been fetched. */
export async function cachedGrpcCore() {
  return (await exists(DIRECTORY)) ? DIRECTORY : undefined;
}

/**
 * Fetches the package with what it needs and returns where it lies. It appears there whole or not at all.
 * @throws SetupError saying what is missing.
 */
export async function downloadGrpcCore() {
  const python = await findPip();
  await mkdir(dirname(DIRECTORY), { recursive: true });
  const work = await mkdtemp(`${DIRECTORY}-`);
  try {
    const { code, output } = await run(python, [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'],
      ...['--target', work, ...PACKAGES],
    ]);
    if (code !== 0) throw new SetupError(`pip could not install grpcio ${GRPCIO}:\n${excerpt(output)}`);
    await rename(work, DIRECTORY);
    return DIRECTORY;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function exists(path) {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
