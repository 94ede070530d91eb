import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from '../setup/lock.mjs';
import { excerpt, run, SetupError } from '../setup/run.mjs';

/** The one binary that is all of these, by the name it is called by. */
const KUBE = [
  ...['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubectl'],
  ...['containerd', 'ctr'],
];

/** An hour for a slow machine: two cores take ten minutes for what is compiled once. */
const LIMIT_MS = 3_600_000;

/** Programs that are built from a Go module of ours, once for all clones of this user. */
class GoPrograms {
  #module;
  #build;

  /** What getting them is, for who waits. */
  title;

  /** `build` puts the programs into a folder. */
  constructor({ module, title, build }) {
    this.#module = fileURLToPath(new URL(module, import.meta.url));
    this.title = title;
    this.#build = build;
  }

  /** The folder with them; `undefined` when they were not built yet. */
  async find() {
    const path = await this.#folder();
    return stat(path).then(
      () => path,
      () => undefined,
    );
  }

  /**
   * Builds them where they are not there, and resolves with the folder. It appears whole or not at all.
   * @throws SetupError saying what Go said.
   */
  async get(progress) {
    const found = await this.find();
    if (found !== undefined) return found;
    const path = await this.#folder();
    await mkdir(dirname(path), { recursive: true });
    const onWait = () => progress.say(`set-up: waiting for another one: ${this.title}`);
    return withLock(`${path}.lock`, onWait, async () => {
      return (await this.find()) ?? progress.step(this.title, () => this.#make(path));
    });
  }

  async #make(path) {
    const work = await mkdtemp(`${path}-`);
    try {
      await this.#build(work, (args) => this.#go(args));
      await rename(work, path);
      return path;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  /** At low priority: who builds for ten minutes has other work to do meanwhile. */
  async #go(args) {
    const options = { cwd: this.#module, timeoutMs: LIMIT_MS };
    const { code, output } = await run('nice', ['-n', '10', 'go', ...args], options);
    if (code !== 0) throw new SetupError(`go ${args[0]} failed:\n${excerpt(output)}`);
    return output.trim().split('\n').at(-1);
  }

  /** Another one for each change of the sources. */
  async #folder() {
    const hash = createHash('sha256');
    const files = (await readdir(this.#module, { recursive: true })).sort();
    for (const name of files) {
      const path = join(this.#module, name);
      if ((await stat(path)).isFile()) hash.update(`${name}\0`).update(await readFile(path));
    }
    const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    return join(home, 'sidecert', 'kubernetes', hash.digest('hex').slice(0, 16));
  }
}

/** All that the one-node cluster is made of: no distribution has it. */
export const KUBERNETES = new GoPrograms({
  module: 'programs',
  title: 'building Kubernetes, etcd and containerd (211 MB to download, about 10 minutes on two cores, once)',
  async build(folder, go) {
    const version = await go(['list', '-m', '-f', '{{.Version}}', 'k8s.io/kubernetes']);
    const [gitMajor, gitMinor] = version.replace('v', '').split('.');
    const stamps = Object.entries({ gitVersion: version, gitMajor, gitMinor });
    const flags = ['-s -w', ...stamps.map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)];
    await go(['build', '-mod=readonly', '-trimpath', '-ldflags', flags.join(' '), '-o', `${folder}/`, './...']);
    await rename(join(folder, 'shim'), join(folder, 'containerd-shim-runc-v2'));
    for (const name of KUBE) await symlink('kube', join(folder, name));
  },
});

/** Renders and checks the chart. */
export const HELM = new GoPrograms({
  module: 'helm',
  title: 'building helm (about 3 minutes on two cores, once)',
  build: (folder, go) =>
    go([
      ...['build', '-mod=readonly', '-trimpath', '-ldflags', '-s -w', '-o', join(folder, 'helm')],
      'helm.sh/helm/v4/cmd/helm',
    ]),
});
