// Does the agent keep the budgets of thousands of Envoys: one identity for all of them, and an identity for each?
//
// Starts a Citadel and an agent of what ships, loads them with `sidecert fleet`, all on this machine, once with the
// native hot path and once with the JavaScript one. Where there is a Go, a bare server of go-control-plane plays the
// scenes of one identity, too: it says how fast the machine is. Exits with 1 where a budget is missed with the native
// hot path.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTokenIssuer } from '../src/demo/kubernetes/token-issuer.js';
import { NO_GO_CONTROL_PLANE } from '../test/support/go-control-plane.js';
import { conditionsLine, conditionsOf } from './harness/conditions.js';
import { isMissed, ofCrowd, ofIdentities, ofRotations, ofSmallLoad, type Row, shownFigure } from './load/budgets.js';
import { callersOfCitadel } from './load/ca-scene.js';
import { oneIdentityOfPeer } from './load/peer-scene.js';
import { manyIdentities, oneIdentity, type Size, type Stage } from './load/scenes.js';

const FULL: Size = {
  envoys: 5000,
  identities: 2000,
  rotations: 4,
  ttl: '12s',
  pauseMs: 1500,
  callsMs: 5000,
  aftermathMs: 5000,
};
const SMOKE: Size = {
  envoys: 50,
  identities: 20,
  rotations: 1,
  ttl: '5s',
  pauseMs: 100,
  callsMs: 500,
  aftermathMs: 100,
};

/** What a real Envoy sends first, and what it would be without its list of extensions. */
const REAL_FIRST_REQUEST_BYTES = 55_000;
const BARE_FIRST_REQUEST_BYTES = 1000;

interface Scene {
  readonly title: (size: Size) => string;
  /** `crowd` is the scene of one identity: of ours, or of a peer. */
  readonly play: (stage: Stage, crowd: typeof oneIdentity) => Promise<Row[]>;
  readonly isForPeers: boolean;
}

const SCENES: readonly Scene[] = [
  {
    title: ({ envoys }) => `one identity, ${envoys} Envoys, ${2 * envoys} streams, full rotations`,
    play: async (stage, crowd) => {
      const outcome = await crowd(stage, BARE_FIRST_REQUEST_BYTES);
      return [...ofCrowd(outcome, { allServedMs: 1000, rssMb: 220 }), ...ofRotations(outcome)];
    },
    isForPeers: true,
  },
  {
    title: ({ envoys }) => `the same ${envoys} with first requests of ${REAL_FIRST_REQUEST_BYTES} bytes`,
    play: async (stage, crowd) => {
      const outcome = await crowd({ ...stage, size: { ...stage.size, rotations: 1 } }, REAL_FIRST_REQUEST_BYTES);
      return ofCrowd(outcome, { allServedMs: 2500, rssMb: 300 });
    },
    isForPeers: true,
  },
  {
    title: ({ identities }) => `${identities} identities, each with key, CSR, certificate and push anew`,
    play: async (stage) => ofIdentities(await manyIdentities(stage)),
    isForPeers: false,
  },
  {
    title: () => 'callers of a Citadel: what it can, ten times as many requests, and all of them at once',
    play: callersOfCitadel,
    isForPeers: false,
  },
];

/** It has none of our hot paths. */
const PEER = 'go-control-plane';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' },
    'hot-path': { type: 'string', multiple: true },
  },
});
const size = values.smoke ? SMOKE : FULL;
const hotPaths = (values['hot-path'] ?? ['native', 'js']) as Stage['hotPath'][];

console.log(conditionsLine(conditionsOf(0, 1)));
const issuer = await createTokenIssuer(Date.now);
let missed = 0;
for (const { title, play, isForPeers } of SCENES) {
  console.log(`\n${title(size)}`);
  const columns: Column[] = [];
  for (const hotPath of hotPaths) {
    const rows = await onStage({ issuer, hotPath, size }, (stage) => play(stage, oneIdentity));
    columns.push({ name: hotPath, rows: values.smoke ? ofSmallLoad(rows) : rows, isJudged: true });
  }
  if (isForPeers && NO_GO_CONTROL_PLANE === false) {
    const rows = await onStage({ issuer, hotPath: 'js', size }, (stage) => play(stage, oneIdentityOfPeer));
    columns.push({ name: PEER, rows, isJudged: false });
  }
  printTable(columns);
  const [{ rows: judged } = { rows: [] }] = columns;
  missed += judged.filter(isMissed).length;
}
console.log(`\n${summary()}`);
process.exitCode = missed === 0 ? 0 : 1;

function summary(): string {
  if (missed > 0) return `${missed} budgets are missed`;
  if (!values.smoke) return 'all budgets are kept';
  return 'all of it runs, and nothing was refused, missing or wrong; budgets of time and memory are not judged at this size';
}

async function onStage(stage: Omit<Stage, 'directory'>, play: (stage: Stage) => Promise<Row[]>): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sc-'));
  try {
    return await play({ ...stage, directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The figures of one server. */
interface Column {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Whether the budgets are its own. */
  readonly isJudged: boolean;
}

function printTable(columns: readonly Column[]): void {
  const names = columns.map(({ name }) => name);
  console.log(line('', names, 'budget', ''));
  const [{ rows: first } = { rows: [] }] = columns;
  for (const [index, { what, budget, unit }] of first.entries()) {
    const cells = columns.map(({ rows, isJudged }) => cell(rows[index], isJudged));
    console.log(line(what, cells, budget === undefined ? '' : `${budget}`, unit));
  }
}

function cell(row: Row | undefined, isJudged: boolean): string {
  const shown = row && shownFigure(row);
  if (row === undefined || (shown === undefined && !isJudged)) return '-';
  return `${shown ?? 'nothing'}${isJudged && isMissed(row) ? ' MISSED' : ''}`;
}

function line(what: string, cells: readonly string[], budget: string, unit: string): string {
  return `  ${what.padEnd(44)}${cells.map((text) => text.padStart(18)).join('')}${budget.padStart(10)} ${unit}`.trimEnd();
}
