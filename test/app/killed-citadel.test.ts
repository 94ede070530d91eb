import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ReplicaReport } from '../../src/app/citadel/replica-report.js';
import { endedCitadels, sharedDirectoryPlace } from '../../src/app/citadel/root-place.js';
import { shortDir } from '../support/short-dir.js';
import { Written } from '../support/written.js';

const moduleOf = (name: string): string =>
  JSON.stringify(new URL(`../../src/app/citadel/${name}.js`, import.meta.url).href);

/** Another Citadel of the directory, as far as it tells there what it has issued. */
const TELLING = `
  const { ReplicaReporter } = await import(${moduleOf('replica-reporter')});
  const { directoryBoard } = await import(${moduleOf('report-board')});
  const logger = { debug() {}, info() {}, warn() {}, error() {}, writesDebug: false };
  const report = () => ({
    atMs: Date.now(), hasEnded: false, longestTtlMs: 3600000, forgotten: 0, signer: 's', roots: ['s'],
    withOtherRoots: { count: 0, names: [] },
    leaves: [{ issuer: 's', untilMs: Date.now() + 3600000, count: 1, names: ['x'] }],
  });
  const board = directoryBoard(process.argv[1]);
  new ReplicaReporter({ board, report, knownSinceMs: 0, isFresh: false, trail: 'disk:1', logger });
  setInterval(async () => {
    const texts = await board.read();
    if (Object.values(texts).some((text) => text.includes('bootId'))) console.log('told');
  }, 50);`;

t.test('what a Citadel has told counts as told by one that runs until it has ended, and no longer', async (t) => {
  const directory = shortDir(t);
  const child = spawn(process.execPath, ['--input-type=module', '-e', TELLING, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await new Written(child.stdout, 'the Citadel').line('');
  const board = join(directory, '.citadels');
  const [key = ''] = readdirSync(board).filter((name) => /\.[0-9a-f]{8}$/.test(name));
  const told: ReplicaReport = JSON.parse(readFileSync(join(board, key), 'utf8'));
  const judged = async (trail: string, endedBefore: ReadonlySet<string>, knownSinceMs = 0) => {
    const own = { key: 'own.00000000', knownSinceMs, endedBefore };
    const place = sharedDirectoryPlace(directory, () => ({ ...own, report: { ...told, trail, leaves: [] } }));
    const { citadels, ended } = await place.witnesses(Date.now());
    return { running: citadels.length, ended: ended.map(({ name }) => name) };
  };
  child.kill('SIGSTOP');
  t.same([...(await endedCitadels(directory))], []);
  t.same(await judged('disk:1', new Set()), { running: 2, ended: [] }, 'one that stands still may go on');

  child.kill('SIGKILL');
  await once(child, 'exit');
  const before = await endedCitadels(directory);
  t.same([...before], [key]);
  const named = { running: 1, ended: [`replica ${key}`] };
  t.same(await judged('disk:2', before), named, 'of another trail its word counts for as long as its certificates');
  t.same(await judged('disk:1', new Set()), named, 'it may have written to the trail after we had read that');
  t.same(await judged('disk:1', before, told.atMs + 1), named, 'the trail has not been read yet');
  t.same(await judged('disk:1', before), { running: 1, ended: [] }, 'all that it has issued is known');
});
