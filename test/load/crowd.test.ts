import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runFleetProcess } from '../../bench/load/fleet-run.js';
import type { ProcessFigures } from '../../bench/load/monitor.js';
import { WatchedProcess } from '../../bench/load/watched-process.js';
import { startCitadel } from '../support/citadel.js';
import { openHotPath } from '../support/hot-path.js';
import { shortDir } from '../support/short-dir.js';

// Runs without other test files beside it (.taprc). What is asserted is counts and the agent's own CPU time, which say
// the same on a busy machine; delays by the clock are told only, and held to their budgets by `npm run load`.

const ENVOYS = 5000;
const ROTATIONS = 5;

/**
 * It rotates after five seconds, which is more than it takes 5 000 Envoys to come, and lives for so long that a machine
 * with other work brings each of them the next one in time.
 */
const RENEWALS = ['--ttl', '60s', '--renew-at', '0.083'];

/** What a real Envoy sends first. */
const FIRST_REQUEST_BYTES = 55_000;

/** Two certificates, so that a rotation is a push to all streams. */
const STREAMS = ['default', 'spiffe://cluster.local/ns/foo/sa/sleep'];

/** Files that agent and fleet each have open: a connection for each Envoy, and some. */
const OPEN_FILES = ENVOYS + 500;

const openFiles = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim();
const skip = Number(openFiles) < OPEN_FILES && `this machine allows ${openFiles} open files, ${OPEN_FILES} are needed`;

const hotPath = openHotPath();

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const told = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(', ');

t.setTimeout(110_000);

t.test('with 5 000 Envoys of two streams each', { skip }, async (t) => {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const citadel = await startCitadel(t, hotPath);
  writeFileSync(file('root.pem'), citadel.rootPem);
  writeFileSync(file('token'), await citadel.issuer.token());
  const { process: agent } = await WatchedProcess.start(
    [
      ...['agent', '--socket', file('s'), '--ca-address', citadel.address, '--ca-root', file('root.pem')],
      ...['--token-file', file('token'), '--namespace', 'foo', '--service-account', 'sleep', ...RENEWALS],
    ],
    'agent ready',
  );
  t.teardown(() => agent.stop());
  const alone = await agent.figures();

  let withAll: Promise<ProcessFigures> | undefined;
  const rotations: Promise<ProcessFigures>[] = [];
  const report = await runFleetProcess(
    [
      ...['--socket', file('s'), '--envoys', `${ENVOYS}`, '--streams', STREAMS.join(',')],
      ...['--rotations', `${ROTATIONS}`, '--first-request-bytes', `${FIRST_REQUEST_BYTES}`],
    ],
    {
      jsonFile: file('fleet.json'),
      onAllServed: () => {
        withAll = agent.figures();
        agent.reset();
      },
      onRotated: () => {
        rotations.push(agent.figures());
        agent.reset();
      },
    },
  );
  const figures = await Promise.all(rotations);
  const all = await withAll;
  const { outcome, isClean, streams, unserved, refusedConnects, errors, checks } = report;
  t.same(
    { outcome, isClean, streams, unserved, refusedConnects, errors, problems: checks.problems },
    {
      ...{ outcome: 'done', isClean: true, streams: 2 * ENVOYS, unserved: 0, refusedConnects: 0 },
      ...{ errors: {}, problems: {} },
    },
  );

  await t.test('row 60: an idle one of them takes at most 50 kB of resident memory', async (t) => {
    const perEnvoyKb = (((all?.rssMb ?? Number.NaN) - alone.rssMb) * 1024) / ENVOYS;
    t.comment(`${perEnvoyKb.toFixed(1)} kB each`);
    t.ok(perEnvoyKb <= 50, `${perEnvoyKb.toFixed(1)} kB`);
  });

  // Without one that began while Envoys were still coming.
  const whole = report.rotations.filter(({ reached, streams }) => reached === ENVOYS && streams === ENVOYS);

  await t.test('rows 58, 66: a push to all of them takes no turn that a PING would wait for long', async (t) => {
    t.equal(figures.length, ROTATIONS);
    t.ok(whole.length > ROTATIONS, `${whole.length} pushes of a secret to all`);
    const cpuMs = figures.map(({ burstCpuMs }) => burstCpuMs);
    const turnMs = figures.map(({ turnMaxMs }) => turnMaxMs);
    t.comment(`first push to last ACK: ${told(whole.map(({ durationMs }) => durationMs ?? Number.NaN))} ms`);
    t.comment(`slowest PING: ${told(whole.map(({ pingMs }) => pingMs?.max ?? Number.NaN))} ms`);
    t.comment(`event-loop delay, p99: ${told(figures.map(({ delayP99Ms }) => delayP99Ms))} ms`);
    t.comment(`event-loop delay, max: ${told(figures.map(({ delayMaxMs }) => delayMaxMs))} ms`);
    t.comment(`CPU time of the agent for a rotation: ${told(cpuMs)} ms; of its longest turn: ${told(turnMs)} ms`);
    // Medians: a collection of garbage, which has CPU time too, falls into some of them.
    t.ok(median(cpuMs) < 500, `a rotation takes less than half a second of CPU time: ${median(cpuMs).toFixed(1)} ms`);
    t.ok(median(turnMs) < 20, `no turn takes 20 ms: ${median(turnMs).toFixed(1)}`);
  });
});
