// Does the agent keep the budgets of thousands of Envoys: one identity for all of them, and an identity for each?
//
// Starts a Citadel and an agent of what ships, loads them with `sidecert fleet`, all on this machine, once with the native
// hot path and once with the JavaScript one. Exits with 1 where a budget is missed with the native one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTokenIssuer } from '../src/demo/kubernetes/token-issuer.js';
import { conditionsLine, conditionsOf } from './harness/conditions.js';
import { isMissed, ofCrowd, ofIdentities, ofRotations, type Row } from './load/budgets.js';
import { manyIdentities, oneIdentity, type Size, type Stage } from './load/scenes.js';

const FULL: Size = { envoys: 5000, identities: 2000, rotations: 4, ttl: '12s', aftermathMs: 5000 };
const SMOKE: Size = { envoys: 50, identities: 20, rotations: 1, ttl: '5s', aftermathMs: 100 };

/** What a real Envoy sends first, and what it would be without its list of extensions. */
const REAL_FIRST_REQUEST_BYTES = 55_000;
const BARE_FIRST_REQUEST_BYTES = 1000;

interface Scene {
  readonly title: (size: Size) => string;
  readonly play: (stage: Stage) => Promise<Row[]>;
}

const SCENES: readonly Scene[] = [
  {
    title: ({ envoys }) => `one identity, ${envoys} Envoys, ${2 * envoys} streams, full rotations`,
    play: async (stage) => {
      const outcome = await oneIdentity(stage, BARE_FIRST_REQUEST_BYTES);
      return [...ofCrowd(outcome, { allServedMs: 1000, rssMb: 220 }), ...ofRotations(outcome)];
    },
  },
  {
    title: ({ envoys }) => `the same ${envoys} with first requests of ${REAL_FIRST_REQUEST_BYTES} bytes`,
    play: async (stage) => {
      const outcome = await oneIdentity({ ...stage, size: { ...stage.size, rotations: 1 } }, REAL_FIRST_REQUEST_BYTES);
      return ofCrowd(outcome, { allServedMs: 2500, rssMb: 300 });
    },
  },
  {
    title: ({ identities }) => `${identities} identities, each with key, CSR, certificate and push anew`,
    play: async (stage) => ofIdentities(await manyIdentities(stage)),
  },
];

const { values } = parseArgs({
  options: { smoke: { type: 'boolean' }, 'hot-path': { type: 'string', multiple: true } },
});
const size = values.smoke ? SMOKE : FULL;
const hotPaths = (values['hot-path'] ?? ['native', 'js']) as Stage['hotPath'][];

console.log(conditionsLine(conditionsOf(0, 1)));
const issuer = await createTokenIssuer(Date.now);
let missed = 0;
for (const { title, play } of SCENES) {
  console.log(`\n${title(size)}`);
  const columns: Row[][] = [];
  for (const hotPath of hotPaths) columns.push(await onStage({ issuer, hotPath, size }, play));
  printTable(columns);
  const [judged = []] = columns;
  missed += judged.filter(isMissed).length;
}
console.log(missed === 0 ? '\nall budgets are kept' : `\n${missed} budgets are missed`);
// A smoke shows that all of it runs; its size is too small for its figures to mean anything.
process.exitCode = missed === 0 || values.smoke ? 0 : 1;

async function onStage(stage: Omit<Stage, 'directory'>, play: Scene['play']): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sc-'));
  try {
    return await play({ ...stage, directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function printTable(columns: readonly (readonly Row[])[]): void {
  console.log(line('', hotPaths, 'budget', ''));
  const [first = []] = columns;
  for (const [index, { what, budget, unit }] of first.entries()) {
    const cells = columns.map((rows) => {
      const row = rows[index];
      if (row === undefined) return '-';
      return `${row.measured?.toFixed(1) ?? 'nothing'}${isMissed(row) ? ' MISSED' : ''}`;
    });
    console.log(line(what, cells, budget === undefined ? '' : `${budget}`, unit));
  }
}

function line(what: string, cells: readonly string[], budget: string, unit: string): string {
  return `  ${what.padEnd(44)}${cells.map((cell) => cell.padStart(16)).join('')}${budget.padStart(10)} ${unit}`.trimEnd();
}
