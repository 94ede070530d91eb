// What does the page for people cost an agent of 5 000 streams while three people watch it?
//
// A Citadel and an agent of what ships, and `sidecert fleet` with two streams for each of 2 500 Envoys, all on this
// machine. First no page is asked for, then three clients ask every two seconds, as the script of an open page does.
// `--envoys`, `--watchers` and `--seconds` change the size.
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createTokenIssuer } from '../src/demo/kubernetes/token-issuer.js';
import { conditionsLine, conditionsOf } from './harness/conditions.js';
import type { ProcessFigures } from './load/monitor.js';
import { watchedPage } from './load/scenes.js';

/** As in `src/status/page/browser/live.ts`. */
const POLL_MS = 2000;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' },
    'hot-path': { type: 'string', default: 'native' },
    envoys: { type: 'string', default: '2500' },
    watchers: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '60' },
  },
});
const hotPath = values['hot-path'] === 'js' ? 'js' : 'native';
const envoys = values.smoke ? 20 : Number(values.envoys);
const watchers = Number(values.watchers);
const seconds = values.smoke ? 3 : Number(values.seconds);

let answers = 0;
let answerBytes = 0;

/** Resolves with the size of a page. */
async function ask(socketPath: string, path: string): Promise<number> {
  const sent = request({ socketPath, path, headers: { host: 'localhost' }, agent: false }).end();
  const body = await new Promise<Buffer>((resolve, reject) => {
    sent.on('response', (response) => buffer(response).then(resolve, reject)).on('error', reject);
  });
  return body.length;
}

async function watch(socketPath: string, untilMs: number): Promise<void> {
  await ask(socketPath, '/');
  do {
    answerBytes = await ask(socketPath, '/page.json');
    answers += 1;
    await sleep(POLL_MS);
  } while (performance.now() < untilMs);
}

console.log(conditionsLine(conditionsOf(0, 1)));
console.log(`${envoys} Envoys, ${2 * envoys} streams, ${watchers} watchers, ${seconds} s each, ${hotPath}`);
const directory = await mkdtemp(join(tmpdir(), 'sc-'));
try {
  const size = { envoys, identities: 1, rotations: 0, ttl: '1h', pauseMs: 0, callsMs: 0, aftermathMs: 0 };
  const issuer = await createTokenIssuer(Date.now);
  const watchAll = async (socketPath: string, untilMs: number): Promise<void> => {
    await Promise.all(Array.from({ length: watchers }, () => watch(socketPath, untilMs)));
  };
  const { alone, watched } = await watchedPage({ directory, issuer, hotPath, size }, seconds, watchAll);
  const show = (name: string, { cpuMs, rssMb, turnMaxMs }: ProcessFigures): void => {
    const share = cpuMs / (10 * seconds);
    console.log(
      `${name.padEnd(10)} ${share.toFixed(2)} % of a core, ${rssMb.toFixed(1)} MB, longest turn ${turnMaxMs.toFixed(1)} ms`,
    );
  };
  show('alone', alone);
  show('watched', watched);
  console.log(`${answers} answers of ${(answerBytes / 1024).toFixed(0)} kB`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
