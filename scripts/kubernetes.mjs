// `npm run kubernetes [-- --once | --keep]`: set-up, then the published task on a real one-node Kubernetes that is made for it, with
// checks. Without a flag it stays up until Ctrl-C. With --keep the cluster stays: `npm run kubernetes -- kubectl ARGS` looks at it,
// and `npm run kubernetes -- down` ends it.
import { spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Play, TTL_SECONDS } from './kubernetes/play.mjs';
import { keptCluster, withCluster } from './kubernetes/suite.mjs';
import { createProgress } from './setup/progress.mjs';
import { SetupError } from './setup/run.mjs';
import { runScript, setUp } from './setup.mjs';

const WITHOUT = '`npm start` shows the same on this machine, with processes in place of pods.';

const LOOK = 'npm run --silent kubernetes -- kubectl get pods -A';

const [command, ...rest] = process.argv.slice(2);

await runScript(async () => {
  if (command === 'down') return (await keptCluster()).down();
  if (command === 'kubectl') return passOn(await (await keptCluster()).entering(['kubectl', ...rest]));
  if (command !== undefined && (rest.length > 0 || !['--once', '--keep'].includes(command))) {
    const expected = '--once, --keep, kubectl ARGS, down or nothing';
    throw new SetupError(`kubernetes: got ${[command, ...rest].join(' ')}, expected ${expected}`);
  }
  return play();
});

async function play() {
  const progress = createProgress();
  const { envoyPath } = await setUp({ progress });
  const stop = stopSignal();
  // Without a flag, another terminal may look at it, too.
  const isFound = command !== '--once';
  try {
    const played = await withCluster({ envoyPath, progress, keeps: isFound }, (cluster) => playOn(cluster, stop));
    if (played === undefined || played.sum.failed > 0) process.exitCode = 1;
  } catch (error) {
    if (error instanceof SetupError) error.message += `\n${WITHOUT}`;
    throw error;
  } finally {
    if (command === undefined) await (await keptCluster()).down();
  }
  if (command === '--keep') console.log(`the cluster stays. Look at it:  ${LOOK}\nend it:  npm run kubernetes -- down`);
}

/** Resolves with what was played; `undefined` when it was stopped before all checks were made. */
async function playOn(cluster, stop) {
  const played = new Play({ cluster, say: console.log, shell: await shellOf(cluster) });
  console.log(`certificates live ${TTL_SECONDS} s here, so that you see them rotate (SIDECERT_TTL)`);
  const isStopped = await Promise.race([playChecks(played).then(() => false), stop.then(() => true)]);
  if (isStopped) return undefined;
  if (command === undefined) {
    console.log(`it runs until Ctrl-C. Look at it from another terminal:  ${LOOK}`);
    await stayingFor(stop);
  }
  if (command !== '--keep') await played.clean();
  const { held, failed } = played.sum;
  console.log(
    failed === 0 ? `all ${held} checks hold, on a real cluster` : `${failed} of ${held + failed} checks FAILED`,
  );
  return played;
}

/** Waits for it. A listener for signals alone does not keep a process from ending. */
async function stayingFor(stop) {
  const staying = setInterval(() => {}, 60_000);
  await stop;
  clearInterval(staying);
}

async function playChecks(played) {
  await played.install();
  await played.apply();
  await played.check();
}

/** Runs a line in bash inside the cluster, with `sidecert` on the PATH. Shows what it says. @throws SetupError when it fails. */
async function shellOf(cluster) {
  const folder = join(cluster.state, 'path');
  await mkdir(folder, { recursive: true });
  const program = join(folder, 'sidecert');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${resolve('dist/sidecert.js')}' "$@"\n`);
  await chmod(program, 0o755);
  return async (line) => {
    const settings = `export PATH='${folder}':"$PATH" SIDECERT_TTL=${TTL_SECONDS}s; set -o pipefail; ${line}`;
    const { code, output } = await cluster.enter(['bash', '-c', settings]);
    process.stdout.write(output);
    if (code !== 0) throw new SetupError(`${line}: ended with ${code}`);
    return output;
  };
}

/** Resolves at Ctrl-C, or when the machine wants it to end. */
function stopSignal() {
  return new Promise((end) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => end());
  });
}

async function passOn([program, ...args]) {
  const child = spawn(program, args, { stdio: 'inherit' });
  process.exitCode = await new Promise((end) => child.on('exit', (code) => end(code ?? 1)));
}
