import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';

/** Where tap's report `json-summary` puts its result. */
const SUMMARY = '.tap/report/coverage-summary.json';

/** What is generated is not what we test; what lies in dist/ is src/ once more. */
const isCounted = (path) => path.startsWith(`src${sep}`) && !path.includes(`${sep}gen${sep}`);

/** Folders whose folders are the rooms, as in test/architecture.test.ts. */
const WINGS = ['agent', 'citadel', 'net', 'pki', 'system'];
const roomOf = ([, first, second]) => (WINGS.includes(first) ? `${first}/${second}` : first);

/** The lines of the last run, per room of src/: a table to print. Empty when that run measured nothing. */
export async function coverageTable() {
  const text = await readFile(SUMMARY, 'utf8').catch(() => undefined);
  return text === undefined ? [] : coverageLines(JSON.parse(text), process.cwd());
}

/** Pure: istanbul's summary (absolute paths) to one line per room, its least covered file named, and one line for all. */
export function coverageLines(summary, root) {
  const rooms = new Map();
  for (const [path, { lines }] of Object.entries(summary)) {
    const name = relative(root, path);
    if (path === 'total' || !isCounted(name)) continue;
    const room = roomOf(name.split(sep));
    rooms.set(room, [...(rooms.get(room) ?? []), { name, ...lines }]);
  }
  if (rooms.size === 0) return [];
  const rows = [...rooms].sort(([a], [b]) => (a < b ? -1 : 1)).map(([room, files]) => row(`src/${room}`, files));
  return ['coverage in lines, src/ without what is generated:', ...rows, row('all', [...rooms.values()].flat())];
}

function row(title, files) {
  const sum = (key) => files.reduce((total, file) => total + file[key], 0);
  const percent = ((100 * sum('covered')) / Math.max(1, sum('total'))).toFixed(1).padStart(5);
  const [least] = files.toSorted((a, b) => a.pct - b.pct);
  const hint = least.pct < 95 ? `  least: ${least.name} ${least.pct} %` : '';
  return `  ${title.padEnd(24)} ${percent} % of ${String(sum('total')).padStart(6)}${hint}`;
}
