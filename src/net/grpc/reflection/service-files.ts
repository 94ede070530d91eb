import { FileDescriptorProto } from './descriptor-codec.js';

/** What the answers of a service hold without importing it: secrets travel as `google.protobuf.Any`. */
const ALSO_HELD: ReadonlyMap<string, readonly string[]> = new Map([
  ['envoy.service.secret.v3.SecretDiscoveryService', ['envoy/extensions/transport_sockets/tls/v3/secret.proto']],
]);

/** Of all `descriptors`, in base64, the files of these services with all that they import, decoded from base64. */
export function filesOf(services: readonly string[], descriptors: readonly string[]): Buffer[] {
  const files = descriptors.map((text) => {
    const bytes = Buffer.from(text, 'base64');
    return { bytes, ...namesOf(bytes) };
  });
  const byName = new Map(files.map((file) => [file.name, file]));
  const wanted = new Set<string>();
  const want = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const imported of byName.get(name)?.imports ?? []) want(imported);
  };
  for (const file of files) if (file.services.some((service) => services.includes(service))) want(file.name);
  for (const service of services) for (const name of ALSO_HELD.get(service) ?? []) want(name);
  return files.filter(({ name }) => wanted.has(name)).map(({ bytes }) => bytes);
}

function namesOf(bytes: Buffer): { name: string; imports: readonly string[]; services: readonly string[] } {
  const { name, package: packageName, dependency, service } = FileDescriptorProto.decode(bytes);
  const services = (service ?? []).map((one) => `${packageName}.${one.name}`);
  return { name: name ?? '', imports: dependency ?? [], services };
}
