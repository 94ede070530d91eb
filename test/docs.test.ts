import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** build/test/ → the project. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`);
const PAGES = [...readdirSync(ROOT), ...inDocs].filter((name) => name.endsWith('.md'));

/** Pages that tell of the past: what they name may have gone. */
const isHistory = (page: string): boolean => /^docs\/(adr|measurements)\/|^CHANGELOG/.test(page);

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** Without examples, in which brackets and hashes mean other things. */
const prose = (text: string): string => text.replace(/^ *```[\s\S]*?^ *```/gm, '');

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...prose(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/\]\([^)]*\)/g, '')
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

t.test('every relative link of every page leads to a file, and to a heading of it', async (t) => {
  let seen = 0;
  const broken: string[] = [];
  for (const page of PAGES) {
    for (const [, target = ''] of prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      seen += 1;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      const isThere = existsSync(join(ROOT, file)) && (anchor === undefined || anchorsOf(file).has(anchor));
      if (!isThere) broken.push(`${page}: ${target}`);
    }
  }
  t.ok(seen > 100, 'links are found at all');
  t.strictSame(broken, []);
});

t.test('every file of this project that a page of today names is there', async (t) => {
  // Capitals stand for a name to be chosen.
  const names =
    /`((?:src|test|native|scripts|bench|proto|docs)\/[a-z\d._/-]+|[a-z\d-]+(?:\/[a-z\d-]+)+\.(?:ts|cc|h|mjs))`/g;
  const missing: string[] = [];
  for (const page of PAGES.filter((name) => !isHistory(name))) {
    for (const [, name = ''] of read(page).matchAll(names)) {
      const places = [ROOT, join(ROOT, 'src')].map((place) => resolve(place, name));
      if (!places.some((place) => existsSync(place))) missing.push(`${page}: ${name}`);
    }
  }
  t.strictSame(missing, []);
});

t.test('every command of npm that a page of today names is one', async (t) => {
  const { scripts } = JSON.parse(read('package.json'));
  const unknown: string[] = [];
  for (const page of PAGES.filter((name) => !isHistory(name))) {
    for (const [, name = ''] of read(page).matchAll(/npm run (?:--silent )?([a-z][a-z:]*)/g)) {
      if (!Object.hasOwn(scripts, name)) unknown.push(`${page}: npm run ${name}`);
    }
  }
  t.strictSame(unknown, []);
});
