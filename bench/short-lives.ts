// What share of the processor do thousands of identities with lives of seconds cost?
//
// A Citadel and an agent in node mode, of what ships, and `sidecert fleet` with a pod's token for each Envoy, all on
// this machine. The figures are of the minutes after all have their first secret: each identity is renewed again and
// again, and the fleet checks each secret that comes, and that it comes before the last one expires. Among them are
// real Envoys, a client and a few servers, that shake hands all the time. `--identities`, `--ttl` and `--minutes`
// change the size.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTokenIssuer } from '../src/demo/kubernetes/token-issuer.js';
import { conditionsLine, conditionsOf } from './harness/conditions.js';
import { RealSidecars, type SidecarFigures } from './load/real-sidecars.js';
import { shortLives, token } from './load/scenes.js';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' },
    'hot-path': { type: 'string', default: 'native' },
    identities: { type: 'string', default: '2000' },
    ttl: { type: 'string', default: '30s' },
    minutes: { type: 'string', default: '5' },
    servers: { type: 'string', default: '3' },
  },
});
const hotPath = values['hot-path'] === 'js' ? 'js' : 'native';
const identities = values.smoke ? 20 : Number(values.identities);
const ttl = values.smoke ? '4s' : values.ttl;
/** Without one there are no real Envoys. */
const envoyPath = process.env.ENVOY_PATH === 'none' ? undefined : process.env.ENVOY_PATH;
const servers = values.smoke ? 1 : Number(values.servers);
const seconds = values.smoke ? 6 : Number(values.minutes) * 60;

console.log(conditionsLine(conditionsOf(0, 1)));
console.log(`${identities} identities with lives of ${ttl}, ${seconds} s, ${hotPath}`);
const directory = await mkdtemp(join(tmpdir(), 'sc-'));
try {
  const size = { envoys: 0, identities, rotations: 0, ttl, pauseMs: 0, callsMs: 0, aftermathMs: 0 };
  const issuer = await createTokenIssuer(Date.now);
  let sidecars: SidecarFigures | undefined;
  const alongside = async (socketPath: string): Promise<{ stop(): Promise<void> }> => {
    if (envoyPath === undefined) return { stop: async () => {} };
    const own = join(directory, 'e');
    await mkdir(own);
    const tokenOf = (account: string): Promise<string> => token(issuer, account, account);
    const running = await RealSidecars.start({ envoyPath, directory: own, socketPath, servers, tokenOf });
    return {
      async stop() {
        sidecars = await running.stop();
      },
    };
  };
  const { report, agent, citadel, elapsedMs, renewals } = await shortLives(
    { directory, issuer, hotPath, size },
    seconds,
    alongside,
  );
  const aSecond = renewals / seconds;
  const each = (cpuMs: number): string => `${((1e6 * cpuMs) / (aSecond * elapsedMs)).toFixed(0)} µs each`;
  const share = (cpuMs: number): string => `${((100 * cpuMs) / elapsedMs).toFixed(1)} % of a core`;
  console.log(`renewals               ${renewals} (${aSecond.toFixed(1)} a second)`);
  console.log(`agent                  ${share(agent.cpuMs)}, ${each(agent.cpuMs)}`);
  console.log(`Citadel                ${share(citadel.cpuMs)}, ${each(citadel.cpuMs)}`);
  console.log(`RSS                    agent ${agent.rssMb.toFixed(0)} MB, Citadel ${citadel.rssMb.toFixed(0)} MB`);
  console.log(
    `loop of the agent      p99 ${agent.delayP99Ms.toFixed(1)} ms, at most ${agent.delayMaxMs.toFixed(0)} ms late`,
  );
  const { isClean, pushes, errors, checks, fleet } = report;
  console.log(`fleet                  ${share(1000 * fleet.cpuSeconds)}, from its start on`);
  console.log(`checks                 ${isClean ? 'clean' : JSON.stringify({ errors, checks })}, ${pushes} pushes`);
  if (sidecars !== undefined) {
    const { sent, failures, handshakes, failedHandshakes } = sidecars;
    console.log(
      `real Envoys            ${servers + 1}: ${handshakes} handshakes, ${failedHandshakes} failed; ` +
        `${sent} requests, ${failures.length} failed ${[...new Set(failures)].slice(0, 3).join(', ')}`,
    );
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
