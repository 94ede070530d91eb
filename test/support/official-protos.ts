import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const DEPS = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const TREES: Readonly<Record<string, string>> = {
  envoy: 'envoy-api',
  udpa: 'xds',
  xds: 'xds',
  validate: 'protoc-gen-validate',
  google: 'googleapis',
};

/** The official definitions of these files of Envoy and Google, and of what they import. */
export function officialProtos(...files: readonly string[]): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, name) => {
    if (name in protobuf.common) return name;
    if (name.startsWith('google/protobuf/')) return require.resolve(`protobufjs/${name}`);
    return join(DEPS, TREES[name.split('/')[0] ?? ''] ?? '', name);
  };
  return root.loadSync([...files]);
}
