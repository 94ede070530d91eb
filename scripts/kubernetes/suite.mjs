import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { getNode, imageNodeVersion, nodeBinary } from '../setup/node-lines.mjs';
import { excerpt, run, SetupError } from '../setup/run.mjs';
import { Cluster } from './cluster.mjs';
import { makeImages } from './images.mjs';
import { IMAGES } from './names.mjs';
import { KUBERNETES } from './programs.mjs';
import { whyNoCluster } from './requirements.mjs';

/** Far above what it takes. */
const INSTALL_LIMIT_S = 120;

const HOME = resolve('.cache/kubernetes');

/**
 * Brings a cluster up with the images of what was built, runs `work` with it, and ends it whatever happens.
 * @throws SetupError with a line for each thing that is missing here.
 */
export async function withCluster({ envoyPath, progress, keeps = false }, work) {
  const reasons = await whyNoCluster(progress);
  if (envoyPath === undefined) reasons.push('there is no Envoy, which the sidecars run');
  if (reasons.length > 0) throw new SetupError(`no cluster can be had here:\n  ${reasons.join('\n  ')}`);
  const programs = await KUBERNETES.get(progress);
  await mkdir(HOME, { recursive: true });
  // One for each run, but one that stays is found again.
  const state = keeps ? keptState() : await mkdtemp(join(HOME, 'cluster-'));
  const cluster = new Cluster({ programs, state });
  try {
    const images = join(HOME, `${process.pid}.tar`);
    try {
      await progress.step('making images', () => imagesOfToday({ out: images, envoy: envoyPath, programs }));
      await progress.step('starting Kubernetes', () => cluster.up());
      await progress.step('loading images', () => cluster.load(images));
    } finally {
      await rm(images, { force: true });
    }
    return await work(cluster);
  } finally {
    if (!keeps) await progress.step('ending the cluster', () => cluster.down());
  }
}

/** What was built, on the Node.js of the image: with code caches of its own. */
async function imagesOfToday({ out, envoy, programs }) {
  const node = nodeBinary(await getNode(await imageNodeVersion()));
  const work = await mkdtemp(join(tmpdir(), 'sidecert-dist-'));
  try {
    const dist = join(work, 'dist');
    await cp('dist', dist, { recursive: true });
    const recorder = pathToFileURL(resolve('scripts/code-cache.mjs'));
    const program = `(await import('${recorder}')).makeCodeCaches()`;
    const { code, output } = await run(node, ['--input-type=module', '--eval', `await ${program}`], { cwd: work });
    if (code !== 0) throw new SetupError(`no code cache for the image:\n${excerpt(output)}`);
    await makeImages({ out, node, dist, envoy, programs, names: IMAGES });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What a user applies first, and waits for. */
export async function install(cluster) {
  await cluster.kubectl(['apply', '-f', 'deploy/sidecert-sds.yaml']);
  const status = ['rollout', 'status', 'deployment', '-n', 'istio-system', `--timeout=${INSTALL_LIMIT_S}s`];
  await cluster.kubectl(status);
}

/** The cluster that was left for somebody to look at. */
export async function keptCluster() {
  return new Cluster({ programs: await KUBERNETES.find(), state: keptState() });
}

function keptState() {
  return join(HOME, 'kept');
}
