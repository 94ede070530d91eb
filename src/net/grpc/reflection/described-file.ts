import { google } from './gen/reflection.js';

const { FileDescriptorProto } = google.protobuf;

type Message = google.protobuf.DescriptorProto.$Properties;
type Enum = google.protobuf.EnumDescriptorProto.$Properties;
type Service = google.protobuf.ServiceDescriptorProto.$Properties;

/** A file of proto/, as reflection tells of it. */
export interface DescribedFile {
  readonly name: string;
  /** `FileDescriptorProto`, as it was generated. */
  readonly bytes: Buffer;
  readonly imports: readonly string[];
  /** Full names. */
  readonly services: readonly string[];
  /** All that it declares, by full names; our files declare no extensions. */
  readonly symbols: readonly string[];
}

/** Reads a `FileDescriptorProto`. */
export function describedFile(bytes: Buffer): DescribedFile {
  const file = FileDescriptorProto.decode(bytes);
  const inPackage = named(file.package);
  const services = (file.service ?? []).map(inPackage);
  const symbols = [
    ...(file.messageType ?? []).flatMap((message) => symbolsOfMessage(inPackage(message), message)),
    ...(file.enumType ?? []).flatMap((one) => symbolsOfEnum(file.package, one)),
    ...(file.service ?? []).flatMap((service) => symbolsOfService(inPackage(service), service)),
  ];
  return { name: file.name, bytes, imports: file.dependency, services, symbols };
}

const named =
  (scope: string) =>
  ({ name }: { readonly name?: string | null }): string =>
    `${scope}.${name}`;

function symbolsOfMessage(fullName: string, { field, oneofDecl, nestedType, enumType }: Message): string[] {
  const within = named(fullName);
  return [
    fullName,
    ...(field ?? []).map(within),
    ...(oneofDecl ?? []).map(within),
    ...(nestedType ?? []).flatMap((message) => symbolsOfMessage(within(message), message)),
    ...(enumType ?? []).flatMap((one) => symbolsOfEnum(fullName, one)),
  ];
}

/** Values are in the scope of their enum, not within it. (Protocol Buffers, "Enumerations") */
function symbolsOfEnum(scope: string, one: Enum): string[] {
  return [one, ...(one.value ?? [])].map(named(scope));
}

function symbolsOfService(fullName: string, { method }: Service): string[] {
  return [fullName, ...(method ?? []).map(named(fullName))];
}
