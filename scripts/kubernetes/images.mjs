import { copyFile, cp, mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../setup/run.mjs';
import { OciArchive } from './oci-archive.mjs';

/** Plays httpbin's part: the public image is not to be had without a registry. */
const HTTPBIN = fileURLToPath(new URL('httpbin.mjs', import.meta.url));

/** What one finds in a container that one looks into: the shell of the published task, and what it calls. */
const TOOLS = [
  ...['bash', 'ls', 'cat', 'sleep', 'grep', 'ps', 'mount', 'chmod', 'kill', 'rm'].map((name) => `/bin/${name}`),
  ...[
    'find',
    'curl',
    'id',
    'stat',
    'head',
    'sort',
    'wc',
    'tr',
    'openssl',
    'xargs',
    'env',
    'seq',
    'cut',
    'sha256sum',
  ].map((name) => `/usr/bin/${name}`),
];

/** How a program reaches its extensions for rules. */
const EXTENSIONS = [
  'libxt_standard',
  'libxt_owner',
  'libxt_tcp',
  'libxt_REDIRECT',
  'libipt_REDIRECT',
  'libip6t_REDIRECT',
  'libxt_multiport',
];

const PATH = 'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Writes one OCI archive with the images of the cluster to `out`, of files of this machine: a layer is what a program
 * is with all libraries that it links. No registry, no container tool.
 */
export async function makeImages({ out, node, dist, envoy, programs, names }) {
  const work = await mkdtemp(join(tmpdir(), 'sidecert-images-'));
  try {
    const archive = new OciArchive(work);
    await archive.open();
    const layers = {
      node: await archive.layer('node', (root) => nodeFiles(root, node)),
      dist: await archive.layer('dist', (root) => programFiles(root, dist)),
      pause: await archive.layer('pause', (root) => put(join(programs, 'pause'), join(root, 'pause'))),
      httpbin: await archive.layer('httpbin', (root) => put(HTTPBIN, join(root, 'opt/httpbin.mjs'))),
      tools: await archive.layer('tools', toolFiles),
      rules: await archive.layer('rules', ruleFiles),
      envoy: await archive.layer('envoy', (root) => envoyFiles(root, envoy)),
    };
    await archive.image(names.pause, { Entrypoint: ['/pause'] }, [layers.pause]);
    await archive.image(names.sidecert, PRODUCT, [layers.node, layers.dist]);
    for (const name of [names.capture, names.iptables]) {
      await archive.image(name, { Env: [PATH], Entrypoint: ['/bin/bash'] }, [layers.tools, layers.rules]);
    }
    await archive.image(names.envoy, { Env: [PATH], Entrypoint: ['/usr/local/bin/envoy'] }, [
      layers.tools,
      layers.envoy,
    ]);
    await archive.image(names.sleep, { Env: [PATH], Cmd: ['sleep', 'infinity'] }, [layers.tools]);
    await archive.image(names.httpbin, { Cmd: ['/usr/local/bin/node', '/opt/httpbin.mjs'] }, [
      layers.node,
      layers.httpbin,
    ]);
    await archive.close(out);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** As the Dockerfile says it. */
export const PRODUCT = {
  User: '65532:65532',
  Env: ['PATH=/usr/local/bin', 'SIDECERT_SOCKET=/var/run/secrets/workload-spiffe-uds/socket'],
  Entrypoint: ['/usr/local/bin/node', '/opt/sidecert/sidecert.js'],
  Cmd: ['help'],
  StopSignal: 'SIGTERM',
};

/** Node.js as in the Dockerfile: executable and not readable. `putLibrariesOf` puts what it links. */
export async function nodeFiles(root, node, putLibrariesOf = putLibraries) {
  const file = await realpath(node);
  await etc(root, {});
  await put(file, join(root, 'usr/local/bin/node'), 0o111);
  await putLibrariesOf(root, file);
}

/** With `sidecert` on the PATH, as the Dockerfile puts it there. */
export async function programFiles(root, dist) {
  await cp(dist, join(root, 'opt/sidecert'), { recursive: true });
  const program = join(root, 'usr/local/bin/sidecert');
  await mkdir(dirname(program), { recursive: true });
  await writeFile(program, '#!/usr/local/bin/node\nrequire("/opt/sidecert/sidecert.js");\n', { mode: 0o755 });
}

async function toolFiles(root) {
  for (const folder of ['tmp', 'root', 'bin', 'sbin', 'usr/sbin']) await mkdir(join(root, folder), { recursive: true });
  await etc(root, {
    passwd: 'root:x:0:0::/root:/bin/bash\nproxy:x:1337:1337::/tmp:/bin/bash\n',
    group: 'root:x:0:\nproxy:x:1337:\n',
  });
  for (const tool of TOOLS) await putProgram(root, tool);
  await symlink('bash', join(root, 'bin/sh'));
}

async function ruleFiles(root) {
  const multi = '/usr/sbin/xtables-nft-multi';
  await putProgram(root, multi);
  for (const name of ['iptables', 'ip6tables']) await symlink(basename(multi), join(root, 'usr/sbin', name));
  await putProgram(root, '/usr/sbin/nft');
  const { output } = await run('find', ['/usr/lib', '-path', '*xtables/*.so']);
  for (const file of output.trim().split('\n')) {
    if (EXTENSIONS.includes(basename(file, '.so'))) await putProgram(root, file);
  }
}

async function envoyFiles(root, envoy) {
  const file = await realpath(envoy);
  await put(file, join(root, 'usr/local/bin/envoy'), 0o755);
  await putLibraries(root, file);
}

/** Without nsswitch.conf the C library may ask DNS before /etc/hosts. */
async function etc(root, files) {
  await mkdir(join(root, 'etc'), { recursive: true });
  for (const [name, text] of Object.entries({ 'nsswitch.conf': 'hosts: files dns\n', ...files })) {
    await writeFile(join(root, 'etc', name), text);
  }
}

export async function put(from, to, mode = 0o755) {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(await realpath(from), to);
  await run('chmod', [mode.toString(8), to]);
}

/** A program at the path that it has here, and what it links. */
async function putProgram(root, file) {
  await put(file, join(root, file));
  await putLibraries(root, file);
}

async function putLibraries(root, file) {
  const { output } = await run('ldd', [file]);
  for (const [library] of output.matchAll(/\/[^\s()]+/g)) {
    const isThere = await stat(join(root, library)).catch(() => undefined);
    if (isThere === undefined && library !== file) await put(library, join(root, library));
  }
}
