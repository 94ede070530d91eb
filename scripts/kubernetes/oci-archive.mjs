import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { excerpt, run, SetupError } from '../setup/run.mjs';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

/**
 * An archive in the OCI image layout, uncompressed: layers that images share are in it once. The same files give the same archive, to
 * the bit, but for the order in its tar.
 */
export class OciArchive {
  #work;
  #manifests = [];

  constructor(work) {
    this.#work = work;
  }

  async open() {
    await mkdir(this.#blobs, { recursive: true });
  }

  get #layout() {
    return join(this.#work, 'oci');
  }

  get #blobs() {
    return join(this.#layout, 'blobs/sha256');
  }

  /** A layer of what `fill` puts below a folder. */
  async layer(name, fill) {
    const root = join(this.#work, name);
    await mkdir(root);
    await fill(root);
    const file = join(this.#work, `${name}.tar`);
    await tar(['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '-C', root, '-cf', file, '.']);
    return this.#blob('application/vnd.oci.image.layer.v1.tar', file);
  }

  /** An image for this machine's architecture alone. */
  async image(reference, config, layers) {
    this.#name(reference, await this.#manifest({ architecture: 'amd64', os: 'linux' }, config, layers));
  }

  /** One image for several platforms, `{ platform, layers }` each: who pulls it gets that of its machine. */
  async multiPlatformImage(reference, config, variants) {
    const manifests = [];
    for (const { platform, layers } of variants) {
      manifests.push({ ...(await this.#manifest(platform, config, layers)), platform });
    }
    this.#name(reference, await this.#json(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests }));
  }

  /** Packs all of it into one tar. */
  async close(out) {
    const root = await this.finish();
    await mkdir(dirname(out), { recursive: true });
    await tar(['-C', root, '-cf', out, '.']);
  }

  /** The folder with the layout, whole. */
  async finish() {
    const root = this.#layout;
    const index = { schemaVersion: 2, mediaType: INDEX, manifests: this.#manifests };
    await writeFile(join(root, 'index.json'), JSON.stringify(index));
    await writeFile(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return root;
  }

  async #manifest(platform, config, layers) {
    const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
    return this.#json(MANIFEST, {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: await this.#json('application/vnd.oci.image.config.v1+json', { ...platform, config, rootfs }),
      layers,
    });
  }

  #name(reference, entry) {
    const annotations = {
      'io.containerd.image.name': withRegistry(reference),
      'org.opencontainers.image.ref.name': reference.split(':').at(-1),
    };
    this.#manifests.push({ ...entry, annotations });
  }

  async #json(mediaType, value) {
    const file = join(this.#work, 'blob.json');
    await writeFile(file, JSON.stringify(value));
    return this.#blob(mediaType, file);
  }

  async #blob(mediaType, file) {
    const content = await readFile(file);
    const hash = createHash('sha256').update(content).digest('hex');
    await rename(file, join(this.#blobs, hash));
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  }
}

/** As a kubelet asks for it: a name without a host is one of Docker's registry, without a folder one of its library. */
function withRegistry(reference) {
  const [first, ...rest] = reference.split('/');
  if (rest.length === 0) return `docker.io/library/${reference}`;
  return first.includes('.') || first.includes(':') ? reference : `docker.io/${reference}`;
}

async function tar(args) {
  const { code, output } = await run('tar', args);
  if (code !== 0) throw new SetupError(`an image cannot be written:\n${excerpt(output)}`);
}
