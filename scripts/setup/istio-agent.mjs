import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstExecutable } from './executables.mjs';
import { buildGoProgram, goProgramPath } from './go-program.mjs';

const MODULE = fileURLToPath(new URL('../../test/support/istio-agent', import.meta.url));

const ISTIO_AGENT = {
  name: 'istio-agent',
  version: versionOf(['main.go', 'go.sum']),
  module: MODULE,
  source: '.',
  /** A minute of one core for what Istio imports, after the download; this is for a slow machine with other work. */
  limitMs: 900_000,
};

const ISTIO_CA = {
  name: 'istio-ca',
  version: versionOf([join('istio-ca', 'main.go'), 'go.sum']),
  module: MODULE,
  source: './istio-ca',
  /** Three minutes of one core: istiod's CA server imports its configuration of Kubernetes. */
  limitMs: 1_800_000,
};

/** By content: the program is ours, and Istio's modules are pinned by go.sum. */
function versionOf(names) {
  const sum = createHash('sha256');
  for (const name of names) sum.update(readFileSync(join(MODULE, name)));
  return sum.digest('hex').slice(0, 12);
}

/** Where the security half of Istio's agent lies; `undefined` when it was not built. */
export function findIstioAgent() {
  return firstExecutable([goProgramPath(ISTIO_AGENT)]);
}

/** Builds it and returns where it lies. @throws SetupError saying what Go said. */
export function buildIstioAgent() {
  return buildGoProgram(ISTIO_AGENT);
}

/** Where istiod's own CA lies; `undefined` when it was not built. */
export function findIstioCa() {
  return firstExecutable([goProgramPath(ISTIO_CA)]);
}

/** Builds it and returns where it lies. @throws SetupError saying what Go said. */
export function buildIstioCa() {
  return buildGoProgram(ISTIO_CA);
}
