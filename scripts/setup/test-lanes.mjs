// Which test files of a whole run go side by side.
import { readdir } from 'node:fs/promises';

/**
 * Each of these waits for lives of seconds and for what processes tell each other, computes little, and holds on a machine
 * with thirty times the work that it can do: one of them at a time goes beside the others, and keeps no core idle.
 */
export const WAITING = [
  'agent/secrets/content-safety',
  'app/deaf-envoy',
  'app/output-certs',
  'app/root-in-cluster',
  'app/token-end',
  'app/traces',
  'e2e/online-intermediate',
  'e2e/root-change',
  'e2e/stream-tokens',
  'fleet/fleet',
].map((name) => `build/test/${name}.test.js`);

/** All test files but those that want a whole cluster, as paths within the project. */
export async function testFiles() {
  const names = await readdir('build/test', { recursive: true });
  return names
    .filter((name) => name.endsWith('.test.js') && !name.startsWith('cluster/'))
    .map((name) => `build/test/${name}`)
    .sort();
}

/** What these measure is the machine's, too. (.taprc) */
const ALONE = 'build/test/load/';

/** Pure: the files that wait, those that go alone behind all, and the rest. */
export function lanesOf(files) {
  const isAlone = (file) => file.startsWith(ALONE);
  return {
    waiting: files.filter((file) => WAITING.includes(file)),
    alone: files.filter(isAlone),
    rest: files.filter((file) => !WAITING.includes(file) && !isAlone(file)),
  };
}
