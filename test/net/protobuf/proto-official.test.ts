import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import t, { type Test } from 'tap';
import { officialPath } from '../../support/official-protos.js';

// Our .proto files keep of the official ones only what we use; a wrong number or type would go unnoticed as an unknown
// field. @grpc/grpc-js-xds ships the official definitions of Envoy and Google, @grpc/reflection those of reflection;
// those of Istio and of the health check are pinned by a table, made by hand from their published files.

const require = createRequire(import.meta.url);

/** The folder of the project: tests run from `build/`. */
const PROJECT = dirname(require.resolve('../../../../package.json'));
const OURS = join(PROJECT, 'proto');
/** What is told of secrets to those who ask, in place of what we work by. */
const SERVED = join(PROJECT, 'src/net/grpc/reflection/proto');
const PINNED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'istio.v1.auth.IstioCertificateRequest': {
    csr: '1 string',
    validity_duration: '3 int64',
    metadata: '4 google.protobuf.Struct',
  },
  'istio.v1.auth.IstioCertificateResponse': { cert_chain: '1 repeated string' },
  'istio.v1.auth.IstioCertificateService': {
    CreateCertificate: 'istio.v1.auth.IstioCertificateRequest -> istio.v1.auth.IstioCertificateResponse',
  },
  'grpc.health.v1.HealthCheckRequest': { service: '1 string' },
  'grpc.health.v1.HealthCheckResponse': { status: '1 grpc.health.v1.HealthCheckResponse.ServingStatus' },
  'grpc.health.v1.HealthCheckResponse.ServingStatus': {
    UNKNOWN: '0',
    SERVING: '1',
    NOT_SERVING: '2',
    SERVICE_UNKNOWN: '3',
  },
  'grpc.health.v1.HealthListRequest': {},
  'grpc.health.v1.HealthListResponse': { statuses: '1 map<string> grpc.health.v1.HealthCheckResponse' },
  'grpc.health.v1.Health': {
    Check: 'grpc.health.v1.HealthCheckRequest -> grpc.health.v1.HealthCheckResponse',
    List: 'grpc.health.v1.HealthListRequest -> grpc.health.v1.HealthListResponse',
    Watch: 'grpc.health.v1.HealthCheckRequest -> stream grpc.health.v1.HealthCheckResponse',
  },
};

/** What Envoy has declared since the definitions that the package ships. */
const NEWER: typeof PINNED = {
  'envoy.extensions.transport_sockets.tls.v3.GenericSecret': {
    secrets: '2 map<string> envoy.config.core.v3.DataSource',
  },
};

const protosIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.proto'));
const ourFiles = protosIn(OURS);

async function load(files: readonly string[], resolve: (name: string) => string): Promise<protobuf.Root> {
  const root = new protobuf.Root();
  // Google's well-known types come with protobufjs; all else is a file.
  root.resolvePath = (_origin, name) => (name in protobuf.common ? name : resolve(name));
  await root.load([...files], { keepCase: true });
  root.resolveAll();
  return root;
}

/** What a message, enum or service declares: a line of text for each field, value and method. */
function declarations(root: protobuf.Root): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>();
  const visit = (parent: protobuf.NamespaceBase): void => {
    for (const nested of parent.nestedArray) {
      const name = nested.fullName.slice(1);
      if (nested instanceof protobuf.Type) found.set(name, Object.fromEntries(nested.fieldsArray.map(fieldLine)));
      if (nested instanceof protobuf.Enum) {
        found.set(name, Object.fromEntries(Object.entries(nested.values).map(([key, value]) => [key, String(value)])));
      }
      if (nested instanceof protobuf.Service) found.set(name, Object.fromEntries(nested.methodsArray.map(methodLine)));
      if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  return found;
}

function fieldLine(field: protobuf.Field): [string, string] {
  const type = field.resolvedType?.fullName.slice(1) ?? field.type;
  const map = field instanceof protobuf.MapField ? `map<${field.keyType}> ` : '';
  const oneof = field.partOf === null ? '' : ` in ${field.partOf.name}`;
  return [field.name, `${field.id} ${field.repeated ? 'repeated ' : ''}${map}${type}${oneof}`];
}

function methodLine(method: protobuf.Method): [string, string] {
  method.resolve();
  const [request, response] = [method.resolvedRequestType, method.resolvedResponseType].map((type) =>
    type?.fullName.slice(1),
  );
  return [
    method.name,
    `${method.requestStream ? 'stream ' : ''}${request} -> ${method.responseStream ? 'stream ' : ''}${response}`,
  ];
}

const hasOfficial = (name: string): boolean => /^(envoy|google|grpc\/reflection)\//.test(name);

t.test('what we declare of Envoy, Google and reflection is declared so officially', async (t) => {
  const files = ourFiles.filter(hasOfficial);
  t.ok(files.length >= 8, 'files found');
  const ours = declarations(await load(files, (name) => join(OURS, name)));
  t.ok(ours.get('envoy.service.discovery.v3.DiscoveryRequest')?.response_nonce, 'declarations found');
  t.ok(ours.get('grpc.reflection.v1alpha.ServerReflectionRequest')?.list_services, 'declarations found');
  await areOfficial(t, ours, files);
});

t.test('what is told of secrets is declared so officially', async (t) => {
  const files = protosIn(SERVED);
  const ours = declarations(await load(files, (name) => join(SERVED, name)));
  t.ok(ours.get('envoy.extensions.transport_sockets.tls.v3.Secret')?.generic_secret, 'declarations found');
  await areOfficial(t, ours, files);
});

/** Asserts that all that `ours` has is in the official `files`, as it is there. */
async function areOfficial(t: Test, ours: ReturnType<typeof declarations>, files: readonly string[]): Promise<void> {
  const official = declarations(await load(files, officialPath));
  for (const [name, declared] of ours) {
    const there = { ...NEWER[name], ...official.get(name) };
    const wanted = Object.fromEntries(Object.keys(declared).map((key) => [key, there[key]]));
    t.same(declared, wanted, name);
  }
}

t.test('what we declare of Istio and of the health check is as pinned', async (t) => {
  const files = ourFiles.filter((name) => /^(istio|grpc)\//.test(name) && !hasOfficial(name));
  const ours = declarations(await load(files, (name) => join(OURS, name)));
  const own = [...ours].filter(([name]) => !name.startsWith('google.protobuf.'));
  t.same(Object.fromEntries(own), PINNED);
});

t.test('every one of our files is held by one of the two', async (t) => {
  t.same(
    ourFiles.filter((name) => !/^(envoy|google|istio|grpc)\//.test(name)),
    ['sidecert/v1/trust_bundle.proto'],
    'what is our own has no official definition',
  );
});
