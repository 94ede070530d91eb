// `npm run soak -- --minutes 60 [--scene peers|chaos [--pods 2000]]`: for so long, an agent under churn, rotations and peers that
// misbehave, whose memory is told; or agents whose CAs, tokens, clock and disk fail in all ways, and whose workloads must never be
// without a certificate. Fails when anything is not as it should be.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runScript, setUp } from './setup.mjs';

const SCENES = { peers: 'soak', chaos: 'chaos' };

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    scene: { type: 'string', default: 'peers' },
    pods: { type: 'string', default: '60' },
  },
});
const seconds = Math.round(60 * Number(values.minutes));

await runScript(async () => {
  if (!(seconds > 0)) throw new Error(`--minutes: got ${values.minutes}, expected a number above zero`);
  const scene = SCENES[values.scene];
  if (scene === undefined)
    throw new Error(`--scene: got ${values.scene}, expected ${Object.keys(SCENES).join(' or ')}`);
  if (!(Number(values.pods) > 0)) throw new Error(`--pods: got ${values.pods}, expected a number above zero`);
  await setUp();
  const ofChaos = { CHAOS_SECONDS: String(seconds), CHAOS_PODS: values.pods };
  const env = { ...process.env, SOAK_SECONDS: String(seconds), ...ofChaos };
  const soak = spawn(process.execPath, [`build/test/hostile/${scene}.test.js`], { env, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => soak.on('close', (code) => resolve(code ?? 1)));
});
