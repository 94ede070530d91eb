// `npm run soak -- --minutes 60`: an agent under churn, rotations and peers that misbehave, for so long; prints what its
// memory did, and fails when that or anything else did not stay as it was.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runScript, setUp } from './setup.mjs';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
const seconds = Math.round(60 * Number(values.minutes));

await runScript(async () => {
  if (!(seconds > 0)) throw new Error(`--minutes: got ${values.minutes}, expected a number above zero`);
  await setUp();
  const env = { ...process.env, SOAK_SECONDS: String(seconds) };
  const soak = spawn(process.execPath, ['build/test/hostile/soak.test.js'], { env, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => soak.on('close', (code) => resolve(code ?? 1)));
});
