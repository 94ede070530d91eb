import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** build/test/ → the project. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SRC = join(ROOT, 'src');

const EVERYWHERE = ['cancellation', 'errors', 'fair-shares', 'json', 'pki/x509', 'small-files', 'spiffe'];

/** Folders whose folders are the rooms. */
const WINGS = ['pki'];

/** docs/architecture.md holds the same table in words. A new arrow here is a decision: write an ADR for it. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  cancellation: [],
  errors: [],
  'fair-shares': [],
  json: [],
  'pki/x509': ['errors', 'small-files'],
  spiffe: ['errors', 'pki/x509'],
  'secret-memory': ['errors'],
  'small-files': ['errors'],
  'service-account': ['json'],
  telemetry: EVERYWHERE,
  addon: EVERYWHERE,
  hotpath: [...EVERYWHERE, 'telemetry', 'addon'],
  platform: [...EVERYWHERE, 'telemetry', 'addon'],
  rotation: EVERYWHERE,
  'ca-client': [...EVERYWHERE, 'rpc', 'telemetry'],
  citadel: [...EVERYWHERE, 'hotpath', 'rotation', 'rpc', 'service-account', 'telemetry'],
  identity: [...EVERYWHERE, 'hotpath', 'rotation', 'secret-memory', 'service-account', 'telemetry'],
  sds: [...EVERYWHERE, 'rpc', 'secret-memory', 'telemetry'],
  http2: EVERYWHERE,
  rpc: [...EVERYWHERE, 'http2', 'platform', 'telemetry'],
  status: [...EVERYWHERE, 'rpc', 'telemetry'],
  config: EVERYWHERE,
  app: [
    ...EVERYWHERE,
    ...[
      'telemetry',
      'hotpath',
      'platform',
      'rotation',
      'ca-client',
      'citadel',
      'identity',
      'sds',
      'rpc',
      'status',
      'config',
    ],
  ],
  fleet: [...EVERYWHERE, 'hotpath', 'http2', 'platform', 'rpc', 'telemetry'],
  demo: [...EVERYWHERE, 'app', 'config', 'rpc', 'telemetry'],
  cli: [...EVERYWHERE, 'app', 'fleet', 'demo', 'config', 'platform', 'telemetry'],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every relative import of every source file, static or dynamic, as paths below src/. */
async function readImports(): Promise<Import[]> {
  const entries = await readdir(SRC, { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts') && !name.startsWith(join('rpc', 'gen')));
  const found = await Promise.all(
    files.map(async (from) => {
      const text = await readFile(join(SRC, from), 'utf8');
      return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) => ({
        from,
        to: relative(SRC, resolve(SRC, dirname(from), target)),
      }));
    }),
  );
  return found.flat();
}

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

t.test('rooms import only along the arrows of the table', async (t) => {
  const imports = await readImports();
  t.ok(imports.length > 100, 'imports are found at all');
  const wrong = imports
    .filter(({ from, to }) => roomOf(from) !== roomOf(to) && !MAY_IMPORT[roomOf(from)]?.includes(roomOf(to)))
    .map(({ from, to }) => `${from} -> ${to}`);
  t.strictSame(wrong, []);
});

t.test('a room is entered by its index alone', async (t) => {
  const wrong = (await readImports())
    .filter(({ from, to }) => roomOf(from) !== roomOf(to) && to !== join(roomOf(to), 'index.js'))
    .map(({ from, to }) => `${from} -> ${to}`);
  t.strictSame(wrong, []);
});

t.test('no two rooms import one another, not even by way of others', async (t) => {
  const cycles: string[] = [];
  const visit = (room: string, path: readonly string[]): void => {
    if (path.includes(room)) cycles.push([...path.slice(path.indexOf(room)), room].join(' -> '));
    else for (const next of MAY_IMPORT[room] ?? []) visit(next, [...path, room]);
  };
  visit('cli', []);
  t.strictSame(cycles, []);
});

t.test('nothing but the command line reads the environment or ends the process', async (t) => {
  const entries = await readdir(SRC, { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts') && !['cli', 'demo'].includes(roomOf(name)));
  const wrong: string[] = [];
  for (const file of files) {
    const text = await readFile(join(SRC, file), 'utf8');
    if (/process\.(env|exit)\b/.test(text) && !file.includes('rpc/gen')) wrong.push(file);
  }
  t.strictSame(wrong, []);
});
