import { type DescribedFile, describedFile } from './described-file.js';

/** What the answers of a service hold without importing it: secrets travel as `google.protobuf.Any`. */
const ALSO_HELD: ReadonlyMap<string, readonly string[]> = new Map([
  ['envoy.service.secret.v3.SecretDiscoveryService', ['envoy/extensions/transport_sockets/tls/v3/secret.proto']],
]);

/** Files by their names. */
export type FilesByName = ReadonlyMap<string, DescribedFile>;

/** Of all `descriptors`, in base64, the files of these services with all that they import. */
export function filesOf(services: readonly string[], descriptors: readonly string[]): FilesByName {
  const all = descriptors.map((text) => describedFile(Buffer.from(text, 'base64')));
  const byName = new Map(all.map((file) => [file.name, file]));
  const served = all.filter((file) => file.services.some((service) => services.includes(service)));
  const held = services.flatMap((service) => ALSO_HELD.get(service) ?? []);
  return new Map(
    [...served.map(({ name }) => name), ...held]
      .flatMap((name) => withImports(name, byName))
      .map((file) => [file.name, file]),
  );
}

/** The file of this name and all that it imports, each once; none when there is no such file. */
export function withImports(name: string, files: FilesByName): DescribedFile[] {
  const found = new Set<DescribedFile>();
  const add = (wanted: string): void => {
    const file = files.get(wanted);
    if (file === undefined || found.has(file)) return;
    found.add(file);
    for (const imported of file.imports) add(imported);
  };
  add(name);
  return [...found];
}
