import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** build/test/ → the project. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'src');

/** Folders whose folders are the rooms. */
const WINGS = ['agent', 'citadel', 'kubernetes', 'net', 'pki', 'system'];

/** Rooms that nearly every other one may enter: they know nothing of what the project does. */
const EVERYWHERE = ['cancellation', 'errors', 'pki/spiffe', 'telemetry', 'text', 'timers'];

/** docs/architecture.md holds the same table in words. A new arrow here is a decision: write an ADR for it. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  errors: [],
  cancellation: [],
  text: [],
  timers: ['cancellation'],
  telemetry: ['errors', 'text', 'timers'],
  fairness: ['cancellation', 'errors'],
  'pki/x509': ['errors', 'text'],
  'pki/spiffe': ['errors', 'pki/x509', 'text'],
  'pki/service-account': ['errors', 'text'],
  'pki/token-keys': [...EVERYWHERE, 'pki/service-account', 'system/small-files'],
  'system/small-files': ['errors', 'text'],
  'system/secret-memory': ['errors'],
  'system/addon': [],
  'system/platform': ['errors', 'system/addon'],
  'system/pkcs11': [...EVERYWHERE, 'pki/x509', 'system/addon', 'system/platform', 'system/small-files'],
  'net/protobuf': ['text'],
  'net/http2': ['text'],
  'net/transport': [...EVERYWHERE, 'net/http2', 'system/platform', 'system/small-files'],
  'net/grpc': [...EVERYWHERE, 'fairness', 'net/http2', 'net/protobuf', 'net/transport'],
  hotpath: [...EVERYWHERE, 'pki/x509', 'system/addon'],
  config: ['errors', 'pki/spiffe', 'system/small-files', 'text'],
  'agent/ca-client': [
    ...[...EVERYWHERE, 'net/grpc', 'net/protobuf', 'net/transport', 'pki/service-account', 'pki/x509'],
    ...['system/small-files'],
  ],
  'agent/history': EVERYWHERE,
  'agent/identity': [
    ...[...EVERYWHERE, 'fairness', 'hotpath', 'pki/service-account', 'pki/x509'],
    ...['system/secret-memory', 'system/small-files'],
  ],
  'agent/admission': [...EVERYWHERE, 'agent/identity', 'fairness', 'pki/service-account'],
  'agent/pod-sockets': [...EVERYWHERE, 'agent/identity', 'pki/service-account', 'system/small-files'],
  'agent/files': [...EVERYWHERE, 'pki/x509', 'system/small-files'],
  'agent/output': [...EVERYWHERE, 'system/small-files'],
  'agent/federation': [...EVERYWHERE, 'pki/x509'],
  'agent/secrets': [...EVERYWHERE, 'agent/federation', 'agent/files', 'agent/identity', 'net/protobuf', 'pki/x509'],
  'agent/sds': [...EVERYWHERE, 'net/grpc', 'net/protobuf', 'system/secret-memory'],
  'citadel/authn': [...EVERYWHERE, 'pki/service-account', 'pki/token-keys', 'pki/x509', 'system/small-files'],
  'citadel/authority': [...EVERYWHERE, 'hotpath', 'pki/x509', 'system/small-files'],
  'citadel/policy': [...EVERYWHERE, 'pki/x509', 'system/small-files'],
  'citadel/revocation': [...EVERYWHERE, 'hotpath', 'pki/x509', 'system/small-files'],
  'citadel/trail': [...EVERYWHERE, 'pki/x509', 'system/small-files'],
  'citadel/inventory': [...EVERYWHERE, 'citadel/trail'],
  'citadel/issuance': [
    ...[
      ...EVERYWHERE,
      'citadel/authn',
      'citadel/authority',
      'citadel/policy',
      'fairness',
      'hotpath',
      'net/grpc',
      'net/protobuf',
    ],
  ],
  'envoy-bootstrap': ['config'],
  'kubernetes/api': [...EVERYWHERE, 'net/transport', 'system/small-files'],
  'kubernetes/inject': ['config', 'envoy-bootstrap'],
  'kubernetes/trust': [...EVERYWHERE, 'kubernetes/api'],
  'kubernetes/webhook': [
    ...[...EVERYWHERE, 'config', 'fairness', 'kubernetes/api', 'kubernetes/inject', 'net/transport'],
  ],
  tracing: [...EVERYWHERE, 'net/protobuf', 'net/transport'],
  status: [...EVERYWHERE, 'explain', 'net/transport', 'pki/x509'],
  symptoms: [],
  explain: [
    ...[...EVERYWHERE, 'agent/ca-client', 'agent/files', 'agent/identity', 'agent/pod-sockets', 'hotpath'],
    ...['net/grpc', 'net/transport', 'pki/service-account', 'pki/x509', 'symptoms', 'system/small-files'],
  ],
  migrate: [...EVERYWHERE, 'explain', 'kubernetes/api'],
  app: [
    ...[
      ...EVERYWHERE,
      'agent/admission',
      'agent/ca-client',
      'agent/federation',
      'agent/files',
      'agent/history',
      'agent/identity',
      'agent/output',
      'agent/pod-sockets',
      'agent/sds',
      'agent/secrets',
    ],
    ...[
      'citadel/authn',
      'citadel/authority',
      'citadel/inventory',
      'citadel/issuance',
      'citadel/policy',
      'citadel/revocation',
      'citadel/trail',
      'config',
      'envoy-bootstrap',
      'hotpath',
    ],
    ...['kubernetes/api', 'kubernetes/inject', 'kubernetes/trust', 'kubernetes/webhook'],
    ...[
      'net/grpc',
      'net/transport',
      'pki/service-account',
      'pki/token-keys',
      'status',
      'system/pkcs11',
      'system/platform',
      'system/small-files',
      'tracing',
    ],
  ],
  fleet: [
    ...[...EVERYWHERE, 'hotpath', 'net/grpc', 'net/http2', 'net/protobuf', 'net/transport'],
    ...['pki/service-account', 'pki/x509', 'system/platform', 'system/small-files'],
  ],
  demo: [...EVERYWHERE, 'app', 'config', 'net/grpc', 'net/protobuf'],
  cli: [
    ...EVERYWHERE,
    'app',
    'citadel/inventory',
    'citadel/trail',
    'config',
    'demo',
    'explain',
    'fleet',
    'migrate',
    'symptoms',
    'system/platform',
    'system/small-files',
  ],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every relative import of every source file, static or dynamic, as paths below src/. */
async function readImports(): Promise<Import[]> {
  const entries = await readdir(SRC, { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts') && !isGenerated(name));
  const found = await Promise.all(
    files.map(async (from) => {
      const text = await readFile(join(SRC, from), 'utf8');
      return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) => ({
        from,
        to: relative(SRC, resolve(SRC, dirname(from), target)).replace(/\.js$/, '.ts'),
      }));
    }),
  );
  return found.flat();
}

const isGenerated = (path: string): boolean => path.includes('/gen/');

const roomOf = (path: string): string => {
  const [first = '', second = ''] = path.split('/');
  return WINGS.includes(first) ? `${first}/${second}` : first;
};

t.test('every room is in the table, and every row of the table is a room', async (t) => {
  const foldersOf = async (path: string) => {
    const entries = await readdir(join(SRC, path), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  };
  const rooms = (await foldersOf('')).filter((name) => !WINGS.includes(name));
  const inWings = await Promise.all(WINGS.map(foldersOf));
  t.strictSame([...rooms, ...inWings.flat()].sort(), Object.keys(MAY_IMPORT).sort());
});

t.test('docs/architecture.md has the same table', async (t) => {
  const page = await readFile(join(ROOT, 'docs/architecture.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|$/gm)];
  const inWords = rows.map(([, room = '', words = '']): [string, string[]] => {
    const named = [...words.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) =>
      Object.keys(MAY_IMPORT).filter(
        (known) => known === name || (name.endsWith('/*') && known.startsWith(name.slice(0, -1))),
      ),
    );
    const others = words === 'nothing' || words.endsWith(' alone') ? [] : EVERYWHERE;
    return [room, [...new Set([...named, ...others])].sort()];
  });
  // The composition roots are the one row that the page does not spell out.
  const { app: _, ...spelt } = MAY_IMPORT;
  const expected = Object.entries(spelt).map(([room, arrows]): [string, string[]] => [
    room,
    [...new Set(arrows)].sort(),
  ]);
  t.strictSame(Object.fromEntries(inWords.filter(([room]) => room !== 'app')), Object.fromEntries(expected));
});

t.test('a wing has rooms, and no files of its own', async (t) => {
  const entries = await Promise.all(WINGS.map((wing) => readdir(join(SRC, wing), { withFileTypes: true })));
  t.strictSame(
    entries.flat().flatMap((entry) => (entry.isFile() ? [entry.name] : [])),
    [],
  );
});

t.test('rooms import only along the arrows of the table', async (t) => {
  const imports = await readImports();
  t.ok(imports.length > 100, 'imports are found at all');
  const beyond = imports.filter(
    ({ from, to }) => roomOf(from) !== roomOf(to) && !MAY_IMPORT[roomOf(from)]?.includes(roomOf(to)),
  );
  t.strictSame(
    beyond.map(({ from, to }) => `${from} -> ${to}`),
    [],
  );
});

t.test('the table has no arrow that is not used', async (t) => {
  const used = new Set((await readImports()).map(({ from, to }) => `${roomOf(from)} -> ${roomOf(to)}`));
  const allowed = Object.entries(MAY_IMPORT).flatMap(([from, arrows]) =>
    arrows.filter((to) => !EVERYWHERE.includes(to)).map((to) => `${from} -> ${to}`),
  );
  t.strictSame(
    allowed.filter((arrow) => !used.has(arrow)),
    [],
  );
});

t.test('a room is entered by its index alone', async (t) => {
  const wrong = (await readImports())
    .filter(({ from, to }) => roomOf(from) !== roomOf(to) && to !== join(roomOf(to), 'index.ts'))
    .map(({ from, to }) => `${from} -> ${to}`);
  t.strictSame(wrong, []);
});

t.test('the table has no circle: no two rooms import one another, not even by way of others', async (t) => {
  const next = new Map(Object.entries(MAY_IMPORT));
  t.strictSame(circlesOf(next), []);
});

t.test('the halves of HTTP/2 know their framing, and not each other', async (t) => {
  const halfOf = (path: string): string => /^net\/http2\/(\w+)\//.exec(path)?.[1] ?? '';
  const wrong = (await readImports())
    .filter(({ to }) => roomOf(to) === 'net/http2')
    .filter(({ from, to }) => halfOf(from) !== '' && halfOf(from) !== halfOf(to) && halfOf(to) !== 'framing')
    .map(({ from, to }) => `${from} -> ${to}`);
  t.strictSame(wrong, []);
});

t.test('no files import one another, not even by way of others', async (t) => {
  const next = new Map<string, string[]>();
  for (const one of await readImports()) {
    next.set(one.from, [...(next.get(one.from) ?? []), one.to]);
  }
  t.strictSame(circlesOf(next), []);
});

t.test('gRPC and HTTP/2 count by names that their owners give them', async (t) => {
  const entries = await readdir(join(SRC, 'net'), { recursive: true });
  const files = entries.filter((name) => /^(?:grpc|http2)\/.*\.ts$/.test(name) && !isGenerated(name));
  t.ok(files.length > 50, 'files are found at all');
  const wrong: string[] = [];
  for (const file of files) if (/\bMetric\b/.test(await readFile(join(SRC, 'net', file), 'utf8'))) wrong.push(file);
  t.strictSame(wrong, []);
});

t.test('nothing but the command line reads the environment or ends the process', async (t) => {
  const entries = await readdir(SRC, { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts') && !['cli', 'demo'].includes(roomOf(name)));
  const wrong: string[] = [];
  for (const file of files) {
    const text = await readFile(join(SRC, file), 'utf8');
    if (/process\.(env|exit)\b/.test(text) && !isGenerated(file)) wrong.push(file);
  }
  t.strictSame(wrong, []);
});

/** The strongly connected components of more than one node, sorted. (Tarjan, 1972) */
function circlesOf(next: ReadonlyMap<string, readonly string[]>): string[][] {
  const places = new Map<string, { readonly at: number; low: number; isOpen: boolean }>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string) => {
    const place = { at: places.size, low: places.size, isOpen: true };
    places.set(node, place);
    open.push(node);
    for (const other of next.get(node) ?? []) {
      const known = places.get(other) ?? visit(other);
      if (known.isOpen) place.low = Math.min(place.low, known.low);
    }
    if (place.low === place.at) {
      const members = open.splice(open.indexOf(node));
      for (const member of members) Object.assign(places.get(member) ?? {}, { isOpen: false });
      if (members.length > 1) circles.push(members.sort());
    }
    return place;
  };
  for (const node of next.keys()) if (!places.has(node)) visit(node);
  return circles.sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}
