import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { makeLocalBase } from './local-base.js';
import { lastLine, run, works } from './run.js';

/** A command line: the program and its words. */
export type CommandLine = readonly [string, ...string[]];

export interface ContainerOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Host directories by their place in the container. */
  readonly volumes?: Readonly<Record<string, string>>;
}

/** Something that builds images and runs them, with the network of this machine. */
export interface Builder {
  readonly name: string;
  /** Throws with the builder's output when the Dockerfile does not build. */
  build(contextDirectory: string): Promise<void>;
  /** What runs `words`, program first, in a new container. */
  runCommand(container: string, words: readonly string[], options?: ContainerOptions): Promise<CommandLine>;
  /** What runs `words` in a container that `runCommand` is running. */
  execCommand(container: string, words: readonly string[], options?: ContainerOptions): CommandLine;
  /** The process to send signals to, of a command that `runCommand` gave and that runs as `pid`. */
  signalledPid(pid: number): Promise<number>;
  /** Removes the containers and images that it made. */
  close(): Promise<void>;
}

/** A builder that works here and has a base to build on, or the reason why there is none. */
export async function findBuilder(baseImage: string): Promise<Builder | { reason: string }> {
  for (const engine of ['docker', 'podman']) {
    if (!(await works(engine, 'info'))) continue;
    const pull = await run(engine, ['pull', baseImage]);
    if (pull.code === 0) return engineBuilder(engine);
    return { reason: `${engine} cannot pull ${baseImage}: ${lastLine(pull.output)}` };
  }
  if (!(await works('buildah', '--version'))) return { reason: 'no image builder: docker engine, podman or buildah' };
  if (await works('buildah', 'pull', '--quiet', baseImage)) return buildahBuilder(baseImage);
  if (!(await works('mmdebstrap', '--version'))) {
    return { reason: `buildah cannot pull ${baseImage}, and there is no mmdebstrap to make a base with` };
  }
  const local = `localhost/sidecert-base-${randomUUID()}`;
  await makeLocalBase(local);
  return buildahBuilder(local, [local]);
}

function engineBuilder(engine: string): Builder {
  const image = `sidecert-test:${randomUUID()}`;
  const flags = ({ env = {}, volumes = {} }: ContainerOptions = {}): string[] => [
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...Object.entries(volumes).flatMap(([inside, outside]) => ['--volume', `${outside}:${inside}`]),
  ];
  return {
    name: engine,
    async build(directory) {
      await mustBuild(engine, ['build', '--tag', image, directory]);
    },
    async runCommand(container, [program = '', ...words], options) {
      const hardening = [
        '--read-only',
        '--cap-drop',
        'ALL',
        '--security-opt',
        'no-new-privileges',
        '--network',
        'host',
      ];
      const named = ['--name', container, '--entrypoint', program];
      return [engine, 'run', '--rm', ...hardening, ...named, ...flags(options), image, ...words];
    },
    execCommand: (container, words, { env = {} } = {}) => [engine, 'exec', ...flags({ env }), container, ...words],
    // The client passes signals on.
    signalledPid: async (pid) => pid,
    async close() {
      await run(engine, ['rmi', '--force', image]);
    },
  };
}

/** buildah knows no names given by us and no read-only root: it runs what the image holds, as the image's user. */
function buildahBuilder(base: string, ownImages: readonly string[] = []): Builder {
  const image = `localhost/sidecert-test-${randomUUID()}`;
  const containers: string[] = [];
  const runIn = (container: string, words: readonly string[], { env = {}, volumes = {} }: ContainerOptions = {}) =>
    [
      ...(['buildah', 'run', '--isolation', 'chroot'] as const),
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...Object.entries(volumes).flatMap(([inside, outside]) => ['--volume', `${outside}:${inside}`]),
      ...[container, '--', ...words],
    ] as const;
  return {
    name: 'buildah',
    async build(directory) {
      // Only Docker's own format holds a HEALTHCHECK.
      const how = ['--pull-never', '--isolation', 'chroot', '--format', 'docker', '--build-arg', `BUILD_IMAGE=${base}`];
      await mustBuild('buildah', ['build', ...how, '--tag', image, directory]);
    },
    async runCommand(container, words, options) {
      await mustBuild('buildah', ['from', '--pull-never', '--name', container, image]);
      containers.push(container);
      return runIn(container, words, options);
    },
    execCommand: runIn,
    // buildah itself would answer a signal by killing what it runs: the last of its line is the program.
    signalledPid: lastDescendant,
    async close() {
      if (containers.length > 0) await run('buildah', ['rm', ...containers]);
      await run('buildah', ['rmi', '--force', image, ...ownImages]);
    },
  };
}

/** A child belongs to the thread that started it, and buildah has many. (proc(5), /proc/pid/task/tid/children) */
async function lastDescendant(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const children = await Promise.all(threads.map((tid) => readFile(`/proc/${pid}/task/${tid}/children`, 'utf8')));
  const child = children.join('').trim().split(' ').at(-1) ?? '';
  return child === '' ? pid : lastDescendant(Number(child));
}

async function mustBuild(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args[0]} failed:\n${output.split('\n').slice(-30).join('\n')}`);
}
