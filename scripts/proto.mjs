// Generates src/net/protobuf/gen/ and src/net/grpc/reflection/gen/ from proto/. With --check it writes nothing and fails when the committed files differ.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeDescriptors } from './descriptors.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** What reflection alone is answered by lies beside it. */
const committed = (name) =>
  join(name.startsWith('messages.') ? 'src/net/protobuf/gen' : 'src/net/grpc/reflection/gen', name);

/** Files that say more than those of the same name in proto/: what is served and never read here costs nothing but their descriptors. */
const SERVED = 'src/net/grpc/reflection/proto';

/** Descriptors are what reflection answers by, and no message that anybody sends by itself. */
const DESCRIPTOR = 'google/protobuf/descriptor.proto';

/** Who asks for reflection is rare: what is needed for that alone is in a module of its own. Its two versions are one in all but name. */
const REFLECTION = ['grpc/reflection/v1/reflection.proto', DESCRIPTOR];
const isOfReflection = (name) => name.startsWith('grpc/reflection/') || name === DESCRIPTOR;

const isDescribed = (name) => name !== DESCRIPTOR;

async function generate(directory) {
  const protos = await protosOf('proto');
  await generateMessages(join(directory, 'messages'), {
    root: 'default',
    protos: protos.filter((name) => !isOfReflection(name)),
  });
  await generateMessages(join(directory, 'reflection'), { root: 'reflection', protos: REFLECTION });
  const described = new Set([...protos.filter(isDescribed), ...(await protosOf(SERVED))]);
  await generateDescriptors(join(directory, 'descriptors'), [...described].sort());
}

async function protosOf(directory) {
  return (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.proto')).sort();
}

async function generateMessages(base, { root, protos }) {
  const bin = (name) => join('node_modules', '.bin', name);
  const common = [
    ...['--target', 'static-module', '--wrap', 'es6', '--path', 'proto', '--root', root],
    // Only encode and decode: no verify, no JSON conversion, no delimited forms. They would double the bundle.
    ...['--no-verify', '--no-convert', '--no-delimited', '--no-service', '--force-number'],
  ];
  execFileSync(bin('pbjs'), [...common, '--out', `${base}.js`, '--no-comments', ...protos]);
  // The types come from the same definitions with comments, which pbts reads its types from.
  const commented = `${base}.commented.js`;
  execFileSync(bin('pbjs'), [...common, '--out', commented, ...protos]);
  execFileSync(bin('pbts'), ['--out', `${base}.d.ts`, commented]);
  await rm(commented);
}

async function generateDescriptors(base, protos) {
  const lines = (await encodeDescriptors([SERVED, 'proto'], protos)).map(
    (bytes) => `'${Buffer.from(bytes).toString('base64')}',`,
  );
  await writeFile(`${base}.js`, `export const fileDescriptors = [\n${lines.join('\n')}\n];\n`);
  await writeFile(
    `${base}.d.ts`,
    '/** A `google.protobuf.FileDescriptorProto` for each file that agent or Citadel serves, in base64. */\n' +
      'export const fileDescriptors: readonly string[];\n',
  );
}

const temporary = await mkdtemp(join(tmpdir(), 'sidecert-proto-'));
try {
  await generate(temporary);
  const stale = [];
  for (const name of await readdir(temporary)) {
    const made = await readFile(join(temporary, name), 'utf8');
    const known = await readFile(committed(name), 'utf8').catch(() => '');
    if (made === known) continue;
    stale.push(name);
    if (!process.argv.includes('--check')) await writeFile(committed(name), made);
  }
  if (process.argv.includes('--check') && stale.length > 0) {
    console.error(`generated code differs from proto/: ${stale.join(', ')}; run "npm run proto" and commit the result`);
    process.exitCode = 1;
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}
