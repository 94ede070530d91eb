// `npm start`: set-up, then the demo, with the arguments passed on.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { NO_ENVOY } from './setup/envoy.mjs';
import { runScript, setUp } from './setup.mjs';

await runScript(async () => {
  const { envoyPath } = await setUp();
  const env = { ...process.env, ENVOY_PATH: envoyPath ?? NO_ENVOY };
  const demo = spawn(process.execPath, ['dist/sidecert.js', 'demo', ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C on a terminal goes to the whole process group: the demo has its own SIGINT already.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) demo.kill(signal);
    });
  }
  process.exitCode = await new Promise((resolve, reject) => {
    demo.on('error', reject);
    // 128 + number is the shell's way to report a death by signal.
    demo.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
});
