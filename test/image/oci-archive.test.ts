import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const SCRIPT = fileURLToPath(new URL('../../../scripts/kubernetes/oci-archive.mjs', import.meta.url));
const { OciArchive } = await import(SCRIPT);

const AMD64 = { architecture: 'amd64', os: 'linux' };
const ARM64 = { architecture: 'arm64', os: 'linux', variant: 'v8' };
const CONFIG = { User: '65532:65532', Entrypoint: ['/program'] };

/** The layout of one image whose program is another one on each platform. */
async function layoutOf(t: Test, name: string): Promise<string> {
  const work = join(t.testdir({ [name]: {} }), name);
  const archive = new OciArchive(work);
  await archive.open();
  const layer = (text: string) =>
    archive.layer(text, async (root: string) => {
      await mkdir(join(root, 'bin'));
      await writeFile(join(root, 'bin/program'), text);
    });
  await archive.multiPlatformImage('example/program:1.2', CONFIG, [
    { platform: AMD64, layers: [await layer('for amd64')] },
    { platform: ARM64, layers: [await layer('for arm64')] },
  ]);
  return archive.finish();
}

/** What a descriptor stands for, which has the digest and the size that it says. */
async function blob(t: Test, layout: string, { digest, size }: { digest: string; size: number }): Promise<Buffer> {
  const content = await readFile(join(layout, 'blobs', digest.replace(':', '/')));
  t.equal(`sha256:${createHash('sha256').update(content).digest('hex')}`, digest);
  t.equal(content.length, size);
  return content;
}

t.test('an image for two platforms is one name, with the manifest of each', async (t) => {
  const layout = await layoutOf(t, 'one');
  t.strictSame(JSON.parse(await readFile(join(layout, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' });
  const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  t.match(manifests, [{ annotations: { 'org.opencontainers.image.ref.name': '1.2' } }]);
  const image = JSON.parse((await blob(t, layout, manifests[0])).toString());
  t.equal(image.mediaType, 'application/vnd.oci.image.index.v1+json');
  t.strictSame(
    image.manifests.map(({ platform }: { platform: unknown }) => platform),
    [AMD64, ARM64],
  );
  for (const entry of image.manifests) {
    const manifest = JSON.parse((await blob(t, layout, entry)).toString());
    const { rootfs, ...config } = JSON.parse((await blob(t, layout, manifest.config)).toString());
    t.strictSame(config, { ...entry.platform, config: CONFIG });
    t.strictSame(rootfs.diff_ids, [manifest.layers[0].digest], 'layers are not compressed');
    t.ok((await blob(t, layout, manifest.layers[0])).includes(`for ${entry.platform.architecture}`));
  }
});

t.test('the same files give the same image, whenever and wherever it is made', async (t) => {
  const indexes = [];
  for (const name of ['one', 'two']) indexes.push(await readFile(join(await layoutOf(t, name), 'index.json'), 'utf8'));
  t.equal(indexes[0], indexes[1]);
});
