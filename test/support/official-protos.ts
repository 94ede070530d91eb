import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const DEPS = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const REFLECTION = join(dirname(require.resolve('@grpc/reflection/package.json')), 'build/proto');

/** The official tree that holds the files of a top folder. */
const TREE: Readonly<Record<string, string>> = {
  envoy: 'envoy-api',
  udpa: 'xds',
  xds: 'xds',
  validate: 'protoc-gen-validate',
  google: 'googleapis',
};

/** Where an official file lies. `descriptor.proto` is protoc's own, and comes with protobufjs. */
export function officialPath(name: string): string {
  if (name.startsWith('google/protobuf/')) return require.resolve(`protobufjs/${name}`);
  if (name.startsWith('grpc/reflection/')) return join(REFLECTION, name);
  return join(DEPS, TREE[name.split('/')[0] ?? ''] ?? '', name);
}

function emptyRoot(): protobuf.Root {
  const root = new protobuf.Root();
  // Google's well-known types come with protobufjs; all else is a file.
  root.resolvePath = (_origin, name) => (name in protobuf.common ? name : officialPath(name));
  return root;
}

/**
 * The official definitions of Envoy, Google and reflection in these files, and of what they import, with names as in
 * JavaScript.
 */
export function officialProtos(...files: readonly string[]): protobuf.Root {
  return emptyRoot().loadSync([...files]);
}

/** The same, with names as in the files. */
export async function loadOfficial(files: readonly string[]): Promise<protobuf.Root> {
  const root = emptyRoot();
  await root.load([...files], { keepCase: true });
  root.resolveAll();
  return root;
}
