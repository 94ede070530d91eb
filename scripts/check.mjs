// `npm run check`: all that can be said of the code without running it, and that the generated files are up to date.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** Each step with the command that mends what it finds. */
const STEPS = [
  { name: 'types', command: ['npx', '--no-install', 'tsc', '--noEmit'], mend: 'mend the code' },
  {
    name: 'types of what runs in browsers',
    command: ['npx', '--no-install', 'tsc', '-p', 'src/status/page/browser'],
    mend: 'mend the code',
  },
  {
    name: 'lint and format',
    command: ['npx', '--no-install', 'biome', 'ci', '--colors=off', '.'],
    mend: 'npm run format',
  },
  { name: 'generated messages', command: ['node', 'scripts/proto.mjs', '--check'], mend: 'npm run proto' },
];

function run({ name, command: [program, ...args], mend }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      output += text;
    });
    child.on('close', (code) => {
      console.log(`${code === 0 ? 'ok   ' : 'FAIL '} ${name}`);
      if (code !== 0) console.log(`${output}\nto mend it: ${mend}`);
      resolve(code === 0);
    });
  });
}

const results = await Promise.all(STEPS.map(run));
process.exitCode = results.every(Boolean) ? 0 : 1;
