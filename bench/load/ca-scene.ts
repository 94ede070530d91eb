import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TOKEN_ISSUER } from '../../src/demo/kubernetes/token-issuer.js';
import type { CaLoadReport } from '../../src/fleet/index.js';
import type { Row } from './budgets.js';
import { mintTokens, type Stage } from './scenes.js';
import { plainEnvironment, WatchedProcess } from './watched-process.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

/** Ends with 1 where something was refused, which is no fault here: the report tells. */
const run = promisify(execFile);

const OVERLOAD = 10;

/** Citadel by itself: what it can, what it does of that when it is asked for ten times as much, and a herd. */
export async function callersOfCitadel(stage: Stage): Promise<Row[]> {
  const { directory, issuer, hotPath, size } = stage;
  const file = (name: string): string => join(directory, name);
  await writeFile(file('jwks.json'), issuer.jwks);
  const tokens = await mintTokens(stage);
  const { process: citadel, address } = await WatchedProcess.start(
    [
      ...['citadel', '--listen', '127.0.0.1:0', '--jwks', file('jwks.json'), '--token-issuer', TOKEN_ISSUER],
      ...['--root-cert-out', file('root.pem'), '--log-level', 'info', '--hot-path', hotPath],
    ],
    'citadel ready',
  );
  const load = async (...flags: string[]): Promise<CaLoadReport> => {
    const json = file('load-ca.json');
    const args = [
      'load-ca',
      '--ca-address',
      address,
      '--ca-root',
      file('root.pem'),
      '--tokens',
      tokens,
      '--json',
      json,
    ];
    await run(process.execPath, [PROGRAM, ...args, ...flags], { env: plainEnvironment() }).catch(() => {});
    return JSON.parse(await readFile(json, 'utf8'));
  };
  try {
    const duration = ['--duration', `${size.callsMs}ms`];
    await load('--concurrency', '64', ...duration);
    citadel.reset();
    const most = await load('--concurrency', '64', '--connections', '8', ...duration);
    const { cpuMs, rssMb } = await citadel.figures();
    const rate = Math.ceil(most.issuedPerSecond * OVERLOAD);
    const over = await load('--rate', `${rate}`, '--connections', '64', '--timeout', '5s', ...duration);
    const herd = await load(
      ...['--requests', `${5 * size.identities}`, '--rate', '1000000', '--connections', '100'],
      ...['--retry', '--duration', '60s'],
    );
    return [
      { what: 'answers missing or wrong', measured: most.isClean ? 0 : 1, budget: 0, unit: '', isOfAnySize: true },
      { what: 'certificates a second, 64 in flight', measured: most.issuedPerSecond, unit: '' },
      { what: 'time to each, p99', measured: most.issuedMs?.p99, unit: 'ms' },
      { what: 'CPU of Citadel for each', measured: cpuMs / most.issued, unit: 'ms' },
      { what: 'RSS of Citadel', measured: rssMb, unit: 'MB' },
      { what: 'certificates a second of ten times as many', measured: issuedWhileSent(over), unit: '' },
      {
        what: `${herd.requests} agents at once without their certificate`,
        ...{ measured: herd.isClean ? 0 : herd.requests - herd.issued, budget: 0, unit: '', isOfAnySize: true },
      },
      { what: 'the last of them has its own', measured: herd.completedMs?.max, unit: 'ms' },
    ];
  } finally {
    await citadel.stop();
  }
}

/** Without the time in which only the last answers come. */
function issuedWhileSent({ seconds }: CaLoadReport): number {
  const sent = seconds.filter(({ begun }) => begun > 0);
  return sent.reduce((sum, { issued }) => sum + issued, 0) / sent.length;
}
