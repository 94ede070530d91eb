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

/** The official messages of xDS, which the fleet's own reading and writing is held against. */
export function officialXds() {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, name) => {
    if (name in protobuf.common) return name;
    if (name.startsWith('google/protobuf/')) return require.resolve(`protobufjs/${name}`);
    return join(DEPS, TREES[name.split('/')[0] ?? ''] ?? '', name);
  };
  root.loadSync('envoy/service/discovery/v3/discovery.proto');
  const type = (name: string) => root.lookupType(`envoy.service.discovery.v3.${name}`);
  return {
    request: (isDelta: boolean) => messageOf(type(isDelta ? 'DeltaDiscoveryRequest' : 'DiscoveryRequest')),
    response: (isDelta: boolean) => messageOf(type(isDelta ? 'DeltaDiscoveryResponse' : 'DiscoveryResponse')),
  };
}

function messageOf(type: protobuf.Type) {
  return {
    encode: (fields: object) => Buffer.from(type.encode(type.fromObject(fields)).finish()),
    decode: (bytes: Buffer): Record<string, unknown> => type.toObject(type.decode(bytes), { defaults: true }),
  };
}
