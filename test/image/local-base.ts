import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './run.js';

/**
 * What the build stage runs: a shell, coreutils and friends, what compiles the addon, and the libraries that Node.js
 * links.
 */
const DEBIAN_PACKAGES = 'bash,coreutils,dash,findutils,g++,grep,libc-bin,libstdc++6,make,python3,sed';

/** Where TLS of this machine finds its roots; the base gets a copy, because a network may have roots of its own. */
const MACHINE_ROOTS = process.env.NODE_EXTRA_CA_CERTS;

/**
 * Makes, under the name `image`, a base for the build stage without any image registry: Debian by mmdebstrap (which
 * needs root), with the Node.js and the npm that run this test. About 10 s.
 */
export async function makeLocalBase(image: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'sidecert-base-'));
  const tree = join(work, 'debian.tar');
  let container = '';
  try {
    await must('mmdebstrap', ['--quiet', '--variant=extract', `--include=${DEBIAN_PACKAGES}`, 'bookworm', tree]);
    container = await must('buildah', ['from', 'scratch']);
    await must('buildah', ['add', '--quiet', container, tree, '/']);
    await must('buildah', ['copy', '--quiet', container, process.execPath, '/usr/local/bin/node']);
    await must('buildah', ['copy', '--quiet', container, await headersDirectory(), '/usr/local/include/node']);
    await must('buildah', ['copy', '--quiet', container, await npmDirectory(), '/usr/local/lib/node_modules/npm']);
    const settings = ['--env', 'PATH=/usr/local/bin:/usr/bin:/bin', '--env', 'HOME=/root'];
    if (MACHINE_ROOTS !== undefined) {
      await must('buildah', ['copy', '--quiet', container, MACHINE_ROOTS, '/etc/ssl/machine-roots.pem']);
      settings.push('--env', 'NODE_EXTRA_CA_CERTS=/etc/ssl/machine-roots.pem');
    }
    await must('buildah', ['config', ...settings, container]);
    const link = 'mkdir -p /root /tmp && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm';
    await must('buildah', ['run', '--isolation', 'chroot', container, '--', '/bin/sh', '-c', link]);
    await must('buildah', ['commit', '--quiet', container, image]);
  } finally {
    if (container !== '') await run('buildah', ['rm', container]);
    await rm(work, { recursive: true, force: true });
  }
}

/** The headers of the Node.js that runs this test, which the addon is compiled against. */
async function headersDirectory(): Promise<string> {
  return join(dirname(dirname(await realpath(process.execPath))), 'include', 'node');
}

/** npm says where it is when it has started us; else it lies beside Node.js. */
async function npmDirectory(): Promise<string> {
  const script = process.env.npm_execpath ?? join(dirname(process.execPath), 'npm');
  return dirname(dirname(await realpath(script)));
}

async function must(command: string, args: readonly string[]): Promise<string> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${output}`);
  return output.trim();
}
