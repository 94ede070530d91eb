import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { firstExecutable, placesOnPath } from '../setup/executables.mjs';
import { excerpt, run } from '../setup/run.mjs';

/** Where Debian, and others, put the plugins for pods' networks. */
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

/** What the node is made of, besides the programs that are built: who has it, as a package of Debian. */
const PROGRAMS = [
  { program: 'runc', package: 'runc' },
  { program: 'nft', package: 'nftables' },
  { program: 'iptables', package: 'iptables' },
  { program: 'ip', package: 'iproute2' },
  { program: 'nsenter', package: 'util-linux' },
  { program: 'unshare', package: 'util-linux' },
  { program: 'openssl', package: 'openssl' },
  { program: 'curl', package: 'curl' },
];

/** What a kernel shows of what the node wants, with what it is for. */
const KERNEL = [
  { file: '/proc/self/ns/net', wants: 'network namespaces' },
  { file: '/proc/self/ns/cgroup', wants: 'namespaces of control groups' },
  { file: '/sys/fs/cgroup', wants: 'control groups' },
];

/** The plugin that gives each pod a cable of its own to the node. */
const CNI_PLUGIN = 'ptp';

/** The folder of the plugins for pods' networks; `undefined` when there is none. */
export async function cniFolder() {
  for (const folder of CNI_FOLDERS) if (await isThere(join(folder, CNI_PLUGIN))) return folder;
  return undefined;
}

/**
 * Why no cluster can be had here, a line for each reason; none when it can. Packages that Debian has are installed
 * first, since a cluster wants root anyway.
 */
export async function whyNoCluster(progress) {
  const reasons = [];
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    reasons.push(`this is ${process.platform} on ${process.arch}: the cluster is built for Linux on x86-64`);
    return reasons;
  }
  if (process.getuid() !== 0) reasons.push('it needs root: it makes namespaces, mounts and control groups');
  for (const { file, wants } of KERNEL)
    if (!(await isThere(file))) reasons.push(`the kernel has no ${wants} (${file})`);
  if ((await run('go', ['version'])).code !== 0)
    reasons.push('Go is not on the PATH: Kubernetes is built from its source');
  if (reasons.length > 0) return reasons;
  const missing = await missingPackages();
  if (missing.length === 0) return [];
  const why = await install(missing, progress);
  if (why !== undefined) return [`${missing.join(', ')} cannot be installed: ${why}`];
  return (await missingPackages()).map((name) => `the package ${name} does not bring what is needed of it`);
}

async function missingPackages() {
  const missing = new Set();
  for (const { program, package: name } of PROGRAMS) if (!(await isOnPath(program))) missing.add(name);
  if ((await cniFolder()) === undefined) missing.add('containernetworking-plugins');
  return [...missing];
}

async function install(packages, progress) {
  if (!(await isOnPath('apt-get'))) return 'there is no apt-get here; install them by hand';
  return progress.step(`installing ${packages.join(', ')}`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const args = ['install', '--yes', '--no-install-recommends', ...packages];
    if ((await run('apt-get', args, { env })).code === 0) return undefined;
    // Its lists are old, or none.
    await run('apt-get', ['update'], { env });
    const { code, output } = await run('apt-get', args, { env });
    return code === 0 ? undefined : excerpt(output);
  });
}

async function isOnPath(program) {
  return (await firstExecutable(placesOnPath([program], process.env))) !== undefined;
}

function isThere(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}
