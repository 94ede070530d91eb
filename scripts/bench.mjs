// `npm run bench` and `npm run bench:compare`: set-up, then the program of bench/ that is named.
import { spawn } from 'node:child_process';
import { runScript, setUp } from './setup.mjs';

const [program, ...args] = process.argv.slice(2);

await runScript(async () => {
  const { envoyPath } = await setUp();
  const env = envoyPath === undefined ? process.env : { ...process.env, ENVOY_PATH: envoyPath };
  const child = spawn(process.execPath, [`build/bench/${program}.js`, ...args], { stdio: 'inherit', env });
  process.exitCode = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
});
