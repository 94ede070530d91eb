// What the files of proto/ declare, as descriptors: what protoc would tell of them, for clients that ask our server about
// its services (gRPC server reflection). protobufjs has an extension that does the like, but one file for each package,
// without imports and with names that strict readers refuse.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';

const { FileDescriptorProto } = descriptor;
const { Type: Kind, Label } = descriptor.FieldDescriptorProto;

/**
 * The descriptors of `files` (paths below `directory`) and of all that they import, encoded, each behind those that it
 * imports.
 */
export async function encodeDescriptors(directory, files) {
  const found = new Map();
  const root = new protobuf.Root();
  for (const file of files) await load(file, { directory, found, root });
  root.resolveAll();
  return [...found.values()].map((file) => FileDescriptorProto.encode(describeFile(file, root)).finish());
}

async function load(name, { directory, found, root }) {
  if (found.has(name)) return;
  const { package: packageName, imports, add } = await read(name, directory);
  for (const one of imports) await load(one, { directory, found, root });
  // What a file declares is what its package did not have before.
  const declared = new Set(root.define(packageName).nestedArray);
  add(root);
  const members = root.define(packageName).nestedArray.filter((member) => !declared.has(member) && !isPackage(member));
  found.set(name, { name, packageName, imports, members });
}

/** Google's well-known types come with protobufjs, not as files. */
async function read(name, directory) {
  const known = protobuf.common.get(name);
  if (known !== null) return { package: 'google.protobuf', imports: [], add: (root) => root.addJSON(known.nested) };
  const source = await readFile(join(directory, name), 'utf8');
  const { package: packageName, imports = [] } = protobuf.parse(source, new protobuf.Root(), { keepCase: true });
  return { package: packageName, imports, add: (root) => protobuf.parse(source, root, { keepCase: true }) };
}

const isPackage = (member) => member.constructor === protobuf.Namespace;

function describeFile({ name, packageName, imports, members }, root) {
  root.resolveAll();
  const of = (kind) => members.filter((member) => member instanceof kind);
  return {
    ...{ name, package: packageName, dependency: imports, syntax: 'proto3' },
    messageType: of(protobuf.Type).map(describeMessage),
    enumType: of(protobuf.Enum).map(describeEnum),
    service: of(protobuf.Service).map(describeService),
  };
}

function describeMessage(type) {
  const nested = (kind) => type.nestedArray.filter((member) => member instanceof kind);
  const maps = type.fieldsArray.filter((field) => field.map);
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => describeField(field, type)),
    nestedType: [...nested(protobuf.Type).map(describeMessage), ...maps.map(describeMapEntry)],
    enumType: nested(protobuf.Enum).map(describeEnum),
    oneofDecl: type.oneofsArray.map(({ name }) => ({ name })),
  };
}

function describeField(field, type) {
  const { id: number, repeated, map, partOf } = field;
  if (field.options?.proto3_optional || field.required)
    throw new Error(`${field.fullName}: no such fields are described`);
  return {
    ...nameOf(field.protoName ?? field.name),
    ...{ number, label: repeated || map ? Label.LABEL_REPEATED : Label.LABEL_OPTIONAL },
    ...(map ? { type: Kind.TYPE_MESSAGE, typeName: `${type.fullName}.${entryName(field)}` } : kindOf(field)),
    ...(partOf !== null && { oneofIndex: type.oneofsArray.indexOf(partOf) }),
  };
}

/** A map is a repeated message of keys and values. (Protocol Buffers, "Maps", backwards compatibility) */
function describeMapEntry(field) {
  const label = Label.LABEL_OPTIONAL;
  return {
    name: entryName(field),
    field: [
      { ...nameOf('key'), number: 1, label, type: Kind[`TYPE_${field.keyType.toUpperCase()}`] },
      { ...nameOf('value'), number: 2, label, ...kindOf(field) },
    ],
    options: { mapEntry: true },
  };
}

function kindOf({ type, resolvedType }) {
  if (resolvedType === null) return { type: Kind[`TYPE_${type.toUpperCase()}`] };
  const kind = resolvedType instanceof protobuf.Enum ? Kind.TYPE_ENUM : Kind.TYPE_MESSAGE;
  return { type: kind, typeName: resolvedType.fullName };
}

/** As protoc makes it: each letter behind a line is a capital, and the first one. */
function entryName(field) {
  const camel = camelCase(field.protoName ?? field.name);
  return `${camel[0].toUpperCase()}${camel.slice(1)}Entry`;
}

const nameOf = (name) => ({ name, jsonName: camelCase(name) });
const camelCase = (name) => name.replace(/_+(.?)/g, (_, letter) => letter.toUpperCase());

function describeEnum({ name, values }) {
  return { name, value: Object.entries(values).map(([key, number]) => ({ name: key, number })) };
}

function describeService({ name, methodsArray }) {
  return {
    name,
    method: methodsArray.map((method) => ({
      name: method.name,
      inputType: method.resolvedRequestType.fullName,
      outputType: method.resolvedResponseType.fullName,
      ...(method.requestStream && { clientStreaming: true }),
      ...(method.responseStream && { serverStreaming: true }),
    })),
  };
}
