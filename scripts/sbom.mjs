import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './setup/run.mjs';

/** The package that an input of esbuild is of: the last folder of packages on its path counts. */
const PACKAGE = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//;

/**
 * What the bundles hold, as a bill of materials: CycloneDX 1.6, JSON. Not what is installed, but the packages of which
 * esbuild has taken a file (`metafiles`), and those that a bundle asks for by name and npm brings along: each with version,
 * licence, and the content that npm knows it by.
 */
export async function billOfMaterials(metafiles) {
  const { name, version, license, dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  const lock = JSON.parse(await readFile('package-lock.json', 'utf8')).packages;
  const folders = new Map();
  for (const { inputs, outputs } of metafiles) {
    for (const { imports } of Object.values(outputs)) {
      for (const { path } of imports) if (path in dependencies) folders.set(`node_modules/${path}`, path);
    }
    for (const path of Object.keys(inputs)) {
      const [, folder, packageName] = PACKAGE.exec(path) ?? [];
      if (folder !== undefined) folders.set(folder, packageName);
    }
  }
  const components = [...folders].sort().map(([folder, packageName]) => {
    const entry = lock[folder];
    if (entry === undefined) throw new Error(`${folder}: a bundle holds it, and package-lock.json does not know it`);
    return {
      type: 'library',
      ...named(packageName),
      version: entry.version,
      licenses: [{ expression: entry.license }],
      purl: purlOf(packageName, entry.version),
      'bom-ref': purlOf(packageName, entry.version),
      hashes: [
        { alg: 'SHA-512', content: Buffer.from(entry.integrity.replace('sha512-', ''), 'base64').toString('hex') },
      ],
    };
  });
  // What the addon is compiled against, and what the image holds; in a package of npm it is the user's own.
  const { node, openssl } = process.versions;
  const platform = { type: 'platform', name: 'node', version: node, description: `with OpenSSL ${openssl}` };
  const component = { type: 'application', name, version, licenses: [{ license: { id: license } }] };
  const ref = purlOf(name, version);
  return {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 },
    metadata: { component: { ...component, purl: ref, 'bom-ref': ref } },
    components: [...components, { ...platform, 'bom-ref': `node@${node}` }],
    dependencies: [{ ref, dependsOn: components.map((one) => one['bom-ref']) }],
  };
}

/**
 * Where the files of `folder` come from: a statement of in-toto with SLSA's provenance (v1), unsigned. Who publishes
 * signs it.
 */
export async function provenance(folder) {
  const files = (await readdir(folder, { recursive: true })).sort();
  const subject = [];
  for (const name of files) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) subject.push({ name, digest: { sha256: await sha256(path) } });
  }
  const lock = { name: 'package-lock.json', digest: { sha256: await sha256('package-lock.json') } };
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject,
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'scripts/build.mjs',
        externalParameters: {},
        internalParameters: { node: process.versions.node, platform: process.platform, arch: process.arch },
        resolvedDependencies: [...(await source()), lock],
      },
      runDetails: { builder: { id: 'scripts/build.mjs' } },
    },
  };
}

/** The commit, where the tree is one of git; an image's build is told it. */
async function source() {
  const given = process.env.SOURCE_COMMIT;
  if (given) return [{ name: 'source', digest: { gitCommit: given } }];
  const { code, output } = await run('git', ['rev-parse', 'HEAD']);
  if (code !== 0) return [];
  const status = await run('git', ['status', '--porcelain', '--untracked-files=no']);
  const annotations = status.output.trim() === '' ? {} : { annotations: { changed: true } };
  return [{ name: 'source', digest: { gitCommit: output.trim() }, ...annotations }];
}

async function sha256(path) {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

function named(packageName) {
  const [group, name] = packageName.startsWith('@') ? packageName.split('/') : [undefined, packageName];
  return group === undefined ? { name } : { group, name };
}

/** Package URL, type npm: the @ of a scope is percent-encoded. */
function purlOf(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
