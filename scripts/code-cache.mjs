// Writes the caches of the bundles, `dist/agent.cache` and others: the code that V8 compiles of a bundle while it runs, so that the
// next process need not. Only functions that have run are in it, so the bundles really run: an agent, in front of a Citadel of its
// own, until it serves its first SVID, health checks of both, and of all other commands `sidecert explain` and `doctor`.
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Script } from 'node:vm';

const ISSUER = 'https://code-cache.invalid';
const PROGRAM = resolve('dist/sidecert.js');

/** How long the agent may take to its first SVID: many times what it does take on a busy machine. */
const LIMIT_MS = 120_000;

/** Runs the bundles and writes their caches. Rejects with what the agent or the Citadel said when they do not come up. */
export async function makeCodeCaches() {
  const directory = await mkdtemp(join(tmpdir(), 'sc-'));
  const file = (base) => join(directory, base);
  await writeToken(file('jwks.json'), file('token'));
  const citadel = spawn(
    process.execPath,
    [
      ...[PROGRAM, 'citadel', '--listen', '127.0.0.1:0', '--jwks', file('jwks.json'), '--token-issuer', ISSUER],
      ...['--root-cert-out', file('root.pem')],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  try {
    const flags = [
      ...['--ca-address', await addressOf(citadel), '--ca-root', file('root.pem'), '--token-file', file('token')],
      ...['--socket', file('socket'), '--namespace', 'foo', '--service-account', 'sleep', '--log-level', 'error'],
    ];
    const here = fileURLToPath(import.meta.url);
    await promisify(execFile)(process.execPath, [here, 'agent', ...flags], { timeout: LIMIT_MS });
    await writeFile(file('page'), '{}');
    // Of two pages that are none, and of an agent that has ended.
    const commands = [
      ['explain', file('page'), file('page')],
      ['doctor', ...flags],
    ];
    await promisify(execFile)(process.execPath, [here, 'commands', JSON.stringify(commands)]);
  } finally {
    citadel.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

async function writeToken(jwksFile, tokenFile) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(
    jwksFile,
    JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] }),
  );
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    sub: 'system:serviceaccount:foo:sleep',
    aud: 'istio-ca',
    iat: nowSeconds,
    exp: nowSeconds + 600,
  };
  const text = [{ alg: 'ES256', kid: 'k' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  await writeFile(tokenFile, `${text}.${signature.toString('base64url')}`, { mode: 0o600 });
}

/** The address that the Citadel's log tells when it is ready. */
async function addressOf(citadel) {
  let said = '';
  for await (const line of createInterface({ input: citadel.stderr })) {
    said += `${line}\n`;
    const address = /"address":"([^"]+)"/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`the Citadel for the code cache did not start:\n${said}`);
}

/**
 * In a process of its own: `run` runs `dist/NAME.js` as the launcher does (src/cli/launch.ts), once for each command; `write` writes
 * what V8 has of it then.
 */
function begin(name) {
  const scripts = new Map();
  const load = (bundle) => {
    const filename = resolve(`dist/${bundle}.js`);
    const script = scripts.get(bundle) ?? new Script(Module.wrap(readFileSync(filename, 'latin1')), { filename });
    scripts.set(bundle, script);
    const require = createRequire(filename);
    const module = { exports: {} };
    const loadBeside = (id) => (id === './citadel-peer.js' ? load('citadel-peer') : require(id));
    script.runInThisContext()(module.exports, loadBeside, module, filename, dirname(filename));
    return module.exports;
  };
  return {
    run(command, ...flags) {
      process.argv = [process.execPath, resolve(`dist/${name}.js`), command, ...flags];
      load(name);
    },
    write: (bundle = name) => writeFileSync(`dist/${bundle}.cache`, scripts.get(bundle).createCachedData()),
  };
}

/** For a build beside much other work: the 3 s of a health check are too few there. */
const PATIENCE = ['--timeout', '1m'];

async function recordAgent(flags) {
  const { run, write } = begin('agent');
  run('agent', ...flags);
  const socket = flags[flags.indexOf('--socket') + 1];
  await servesAnSvid(socket);
  write();
  const [address, root] = ['--ca-address', '--ca-root'].map((flag) => flags[flags.indexOf(flag) + 1]);
  for (const target of [
    ['--socket', socket, ...PATIENCE],
    ['--address', address, '--ca-root', root, ...PATIENCE],
  ]) {
    await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), 'health', ...target]);
  }
  process.kill(process.pid, 'SIGTERM');
}

async function recordHealth(flags) {
  const { run, write } = begin('health');
  run('health', ...flags);
  process.on('exit', () => write(flags.includes('--address') ? 'citadel-peer' : 'health'));
}

/** One after the other: what V8 has compiled of all of them is in the one cache of their bundle. */
async function recordCommands([list]) {
  const { run, write } = begin('commands');
  const commands = JSON.parse(list);
  // A command has ended when there is nothing left to do.
  process.on('beforeExit', () => {
    if (commands.length > 0) run(...commands.shift());
  });
  process.on('exit', () => {
    write();
    // That of the last command says nothing of the cache.
    process.exitCode = commands.length;
  });
  run(...commands.shift());
}

async function servesAnSvid(socketPath) {
  for (;;) {
    await sleep(20);
    if (
      !(await access(socketPath).then(
        () => true,
        () => false,
      ))
    )
      continue;
    const health = spawn(process.execPath, [PROGRAM, 'health', '--socket', socketPath, ...PATIENCE], {
      stdio: 'ignore',
    });
    const [code] = await once(health, 'exit');
    if (code === 0) return;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...flags] = process.argv.slice(2);
  await { agent: recordAgent, health: recordHealth, commands: recordCommands }[name](flags);
}
