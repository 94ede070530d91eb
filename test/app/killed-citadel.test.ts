import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  decodeReports,
  encodeReport,
  type ReplicaReport,
  SILENT_MS,
  withoutRepeats,
} from '../../src/app/citadel/replica-report.js';
import { directoryBoard } from '../../src/app/citadel/report-board.js';
import { endedCitadels, sharedDirectoryPlace } from '../../src/app/citadel/root-place.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { Written } from '../support/written.js';

const moduleOf = (name: string): string =>
  JSON.stringify(new URL(`../../src/app/citadel/${name}.js`, import.meta.url).href);

/** Another Citadel of the directory, as far as it tells there what it has issued. */
const TELLING = `
  const { ReplicaReporter } = await import(${moduleOf('replica-reporter')});
  const { directoryBoard } = await import(${moduleOf('report-board')});
  const logger = { debug() {}, info() {}, warn() {}, error() {}, writesDebug: false };
  const startedAtMs = Date.now();
  const report = () => ({
    atMs: Date.now(), startedAtMs, hasEnded: false, longestTtlMs: 3600000, forgotten: 0, signer: 's', roots: ['s'],
    withOtherRoots: { count: 0, names: [] },
    leaves: [{ issuer: 's', untilMs: Date.now() + 3600000, count: 1, names: ['x'] }],
  });
  const [, directory, trail] = process.argv;
  const board = directoryBoard(directory);
  const { key } = new ReplicaReporter({ board, report, knownSinceMs: 0, isFresh: false, trail, logger });
  setInterval(async () => {
    const { [key]: text = '' } = await board.read();
    if (text.includes('bootId')) console.log(key);
  }, 50);`;

/** Resolves when it has told. */
async function startTelling(t: Test, directory: string, ...trail: string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', TELLING, directory, ...trail], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const key = await new Written(child.stdout, 'the Citadel').line('.');
  const told: ReplicaReport = JSON.parse(readFileSync(join(directory, '.citadels', key), 'utf8'));
  return { child, key, told };
}

t.test('what a Citadel has told counts as told by one that runs until it has ended, and no longer', async (t) => {
  const directory = shortDir(t);
  const { child, key, told } = await startTelling(t, directory, 'disk:1');
  const { startedAtMs = 0 } = told;
  const judged = async (trail: string, endedBefore: ReadonlySet<string>, knownSinceMs = 0, nowMs = Date.now()) => {
    const own = { key: 'own.00000000', knownSinceMs, endedBefore };
    const place = sharedDirectoryPlace(directory, () => ({
      ...own,
      report: { ...told, atMs: nowMs, trail, leaves: [] },
    }));
    const { citadels, ended } = await place.witnesses(nowMs);
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
  t.same(await judged('disk:1', before, startedAtMs + 1), named, 'the trail lacks what it issued first');
  t.same(await judged('disk:1', before, startedAtMs), { running: 1, ended: [] }, 'all that it has issued is known');
  const laterMs = startedAtMs + 2 * told.longestTtlMs;
  t.same(await judged('disk:1', before, startedAtMs + 1, laterMs), { running: 1, ended: [] }, 'the rest has expired');
});

t.test('the report of one without a trail is not taken for part of that of one with the trail of now', async (t) => {
  const directory = shortDir(t);
  const killed: { readonly key: string; readonly told: ReplicaReport }[] = [];
  for (const trail of [[], ['disk:1']]) {
    const { child, ...one } = await startTelling(t, directory, ...trail);
    child.kill('SIGKILL');
    await once(child, 'exit');
    killed.push(one);
  }
  const [bare, withTrail] = killed;
  if (bare === undefined || withTrail === undefined) throw new Error('two have told');
  const endedBefore = await endedCitadels(directory);
  t.equal(endedBefore.size, 2);
  const board = directoryBoard(directory);
  const prefix = bare.key.slice(0, bare.key.lastIndexOf('.') + 1);
  const nowMs = Date.now() + 2 * SILENT_MS;
  const { reports } = decodeReports(await board.read());
  const changes = [...withoutRepeats(reports, { prefix, own: 'own.00000000', nowMs })];
  await board.change(
    Object.fromEntries(changes.map(([key, report]) => [key, report === null ? null : encodeReport(report)])),
  );
  const report = { ...withTrail.told, leaves: [] };
  const place = sharedDirectoryPlace(directory, () => ({
    key: `${prefix}00000000`,
    knownSinceMs: 0,
    endedBefore,
    report,
  }));
  const { ended } = await place.witnesses(nowMs);
  t.match(ended, [{ name: `replica ${bare.key}`, leaves: [{ names: ['x'] }] }]);
});

t.test('a Citadel starts, whatever there is in place of the reports of others', async (t) => {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  mkdirSync(file('ca'));
  writeFileSync(file('ca/.citadels'), 'no directory');
  const { address } = await startCitadelProcess(t, { file, issuer: new TokenIssuer() });
  t.match(address, /:\d+$/);
});
