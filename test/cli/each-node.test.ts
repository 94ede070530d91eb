import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { takeKey } from '../hostile/agent-process.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** build/test/cli/ → what ships, with the code cache of the Node.js that has built it. */
const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));

/** This Node.js, and those that NODES_PATH names: `scripts/test-nodes.mjs` gives one of each line. */
const NODES = new Set([process.execPath, ...(process.env.NODES_PATH ?? '').split(delimiter).filter(Boolean)]);

/** For all that it takes with one of them, on a machine that does much besides. */
const LIMIT_MS = 100_000;

t.setTimeout(LIMIT_MS * NODES.size);

const versionOf = (node: string): string => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();

/** Whether a process has written nothing but lines of its log. */
function isLog(text: string): boolean {
  return text.split('\n').every((line) => line === '' || typeof Object(parsed(line)).msg === 'string');
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

for (const node of NODES) {
  const version = versionOf(node);
  const sidecert = [node, join(DIST, 'sidecert.js')];

  t.test(`Node.js ${version}: each command says what was asked, and nothing else`, async (t) => {
    for (const args of [
      ['version'],
      ['help'],
      ...['agent', 'citadel', 'fleet', 'health'].map((name) => [name, '--help']),
    ]) {
      const [command = '', ...leading] = sidecert;
      const { status, stderr, stdout } = spawnSync(command, [...leading, ...args], { encoding: 'utf8' });
      t.strictSame({ status, stderr }, { status: 0, stderr: '' }, args.join(' '));
      t.match(stdout, 'sidecert');
    }
  });

  t.test(
    `Node.js ${version}: agent and Citadel give a key, and say nothing but their logs`,
    { timeout: LIMIT_MS },
    async (t) => {
      const directory = shortDir(t);
      const [jwks, root, token, socket] = ['jwks', 'root.pem', 'token', 's'].map((name) => join(directory, name)) as [
        string,
        string,
        string,
        string,
      ];
      const issuer = new TokenIssuer();
      writeFileSync(jwks, JSON.stringify(issuer.jwks));
      writeFileSync(token, await issuer.token(), { mode: 0o600 });
      const citadel = new SidecertProcess(
        t,
        [
          ...['citadel', '--listen', '127.0.0.1:0', '--jwks', jwks, '--token-issuer', issuer.issuer],
          ...['--root-cert-out', root],
        ],
        { sidecert },
      );
      const address = await citadel.address();
      const agent = new SidecertProcess(
        t,
        [
          ...['agent', '--socket', socket, '--ca-address', address, '--ca-root', root, '--token-file', token],
          ...['--namespace', 'foo', '--service-account', 'sleep'],
        ],
        { sidecert },
      );
      await agent.says('"agent ready"');
      const key = await takeKey(openSdsClient(t, socket));
      t.match(key.toString('latin1'), /^-----BEGIN PRIVATE KEY-----/);
      const health = await runSidecert(t, ['health', '--socket', socket, '--timeout', '1m'], { sidecert });
      t.strictSame(health, { code: 0, out: 'SERVING\n', err: '' });
      for (const process of [agent, citadel]) {
        process.kill('SIGTERM');
        const { code, out, err } = await process.whole();
        t.equal(code, 0);
        t.equal(out, '');
        t.ok(isLog(err), err);
      }
    },
  );
}
