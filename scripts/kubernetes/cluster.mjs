import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run, SetupError } from '../setup/run.mjs';
import { cniFolder } from './requirements.mjs';

const NODE_SCRIPT = fileURLToPath(new URL('node.sh', import.meta.url));

/** A node is ready within 7 s on two idle cores. */
const UP_LIMIT_MS = 240_000;

const POLL_MS = 100;

const LAST_LINES = 30;

/**
 * A one-node Kubernetes with a real kubelet, in namespaces of its own: nothing of it is seen outside, no port is taken,
 * no setting of the machine is changed, and it ends with its first process. `programs` is the folder with what it is
 * made of, `state` the folder for all that it writes.
 */
export class Cluster {
  #programs;
  #state;

  constructor({ programs, state }) {
    this.#programs = programs;
    this.#state = state;
  }

  /** The folder with what it is made of. */
  get programs() {
    return this.#programs;
  }

  /** The folder of all that it writes. */
  get state() {
    return this.#state;
  }

  /**
   * Starts it, and resolves when its node takes pods. What another run has left in its folder is ended and removed.
   * `sign` is RS256 or ES256: how tokens of service accounts are signed. @throws SetupError with its last words.
   */
  async up({ sign = 'RS256' } = {}) {
    await this.down();
    const log = join(this.#state, 'log');
    await mkdir(log, { recursive: true });
    const output = openSync(join(log, 'node.log'), 'w');
    const env = {
      ...process.env,
      NODE_STATE: this.#state,
      NODE_CNI: await cniFolder(),
      NODE_GROUP: `sidecert-${randomUUID()}`,
      NODE_SIGN: sign,
      PATH: [this.#programs, process.env.PATH].join(':'),
    };
    const namespaces = ['--mount', '--net', '--pid', '--uts'];
    // With --kill-child the first process ends with unshare, and with it the kernel ends all others of its namespace.
    const args = [...namespaces, '--fork', '--kill-child=KILL', '--mount-proc', NODE_SCRIPT];
    const outer = spawn('unshare', args, { env, stdio: ['ignore', output, output], detached: true });
    closeSync(output);
    let failure;
    outer.on('error', (error) => {
      failure = error.message;
    });
    outer.on('exit', (code, signal) => {
      failure ??= `it ended with ${signal ?? code}`;
    });
    outer.unref();
    await writeFile(this.#file('outer.pid'), `${outer.pid ?? 0}`);
    const deadline = Date.now() + UP_LIMIT_MS;
    while (!(await isThere(this.#file('ready')))) {
      if (Date.now() > deadline) failure ??= `it was not ready after ${UP_LIMIT_MS / 1000} s`;
      if (failure !== undefined) {
        const words = await this.#lastWords();
        await this.down();
        throw new SetupError(`the cluster did not start: ${failure}\n${words}`);
      }
      await delay(POLL_MS);
    }
    await writeFile(this.#file('first.pid'), (await childrenOf(outer.pid)).trim());
  }

  /** Ends all of it, and removes its state. Safe to call when there is none. */
  async down() {
    const outer = await this.#pid('outer.pid');
    // A process of another run of the machine may have that number by now.
    if (outer !== undefined && (await isNode(outer))) {
      const first = (await childrenOf(outer)).trim();
      kill(outer);
      while (isRunning(outer) || (first !== '' && isRunning(Number(first)))) await delay(POLL_MS / 2);
    }
    // The only trace outside of its folder.
    await this.#removeControlGroups();
    await rm(this.#state, { recursive: true, force: true });
  }

  /** A command inside, with kubectl and the others on its PATH; resolves with `{ code, output }` as {@link run}. */
  async enter(command, { timeoutMs, input } = {}) {
    const [program, ...args] = await this.entering(command);
    return run(program, args, { timeoutMs, input });
  }

  /** The command line that runs `command` inside. @throws SetupError when the cluster is not up. */
  async entering(command) {
    const first = await this.#pid('first.pid');
    if (first === undefined || !isRunning(first)) throw new SetupError('the cluster is not up');
    return [
      ...['nsenter', '--target', `${first}`, '--mount', '--net', '--pid', '--cgroup', '--uts', `--wd=${process.cwd()}`],
      ...['env', `PATH=${this.#programs}:${process.env.PATH}`, `KUBECONFIG=${this.#file('pki/admin.kubeconfig')}`],
      ...command,
    ];
  }

  /** `kubectl` as its administrator; resolves with its stdout. @throws SetupError with what it said. */
  async kubectl(args, { input, timeoutMs } = {}) {
    const { code, output } = await this.enter(['kubectl', ...args], { input, timeoutMs });
    if (code !== 0) throw new SetupError(`kubectl ${args.join(' ')}: ended with ${code}:\n${output.trim()}`);
    return output;
  }

  /** Brings an archive of OCI images into the node. */
  async load(file) {
    const command = ['ctr', '--address', '/run/containerd/containerd.sock', '--namespace', 'k8s.io'];
    const { code, output } = await this.enter([...command, 'images', 'import', '--all-platforms', file]);
    if (code !== 0) throw new SetupError(`the node does not take the images of ${file}:\n${output}`);
  }

  async #removeControlGroups() {
    const folders = await readFile(this.#file('groups'), 'utf8').catch(() => '');
    for (const folder of folders.trim().split('\n')) {
      if (await isThere(folder)) await run('find', [folder, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']);
    }
  }

  #file(name) {
    return join(this.#state, name);
  }

  async #pid(name) {
    const text = await readFile(this.#file(name), 'utf8').catch(() => '');
    return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
  }

  async #lastWords() {
    const text = await readFile(this.#file('log/node.log'), 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  }
}

/** A space-separated list of process ids. */
function childrenOf(pid) {
  return readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
}

/** Whether a process is one that has started a node. */
async function isNode(pid) {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return words.split('\0').some((word) => word.endsWith('/kubernetes/node.sh'));
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isThere(path) {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
