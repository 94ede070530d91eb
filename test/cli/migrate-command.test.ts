import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { istioFiles, mountedFiles } from '../support/mounted-identity.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { serveStatus } from '../support/served-status.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const NEW_ROOT = { root: TestCa.root('new root') };
const OLD = TestCa.root('old root');

/** Two clients of the Envoy that the agent stands beside. */
interface Agent {
  readonly status: string;
  readonly stepFile: string;
  readonly process: SidecertProcess;
  /** An Envoy: one stream that ACKs all that it gets. */
  connect(): SdsClient;
}

/** The real program with mounted files, at the step that its file says. */
async function startAgent(
  t: Test,
  ca: { readonly address: string; readonly rootPem: Buffer },
  step: string,
): Promise<Agent> {
  const directory = shortDir(t);
  const path = (name: string): string => join(directory, name);
  for (const [name, content] of Object.entries(istioFiles(mountedFiles({ ca: OLD }))))
    writeFileSync(path(name), content);
  writeFileSync(path('root.pem'), ca.rootPem);
  writeFileSync(path('token'), await new TokenIssuer().token());
  writeFileSync(path('step'), `${step}\n`, { mode: 0o640 });
  const process = new SidecertProcess(t, [
    ...['agent', '--socket', path('sds'), '--status-address', path('status'), '--ca-address', ca.address],
    ...[
      '--ca-root',
      path('root.pem'),
      '--token-file',
      path('token'),
      '--namespace',
      'foo',
      '--service-account',
      'sleep',
    ],
    ...['--identity-source', 'file,ca', '--identity-dir', directory, '--migration-step-file', path('step')],
  ]);
  await process.says('"status page open"');
  return {
    ...{ status: path('status'), stepFile: path('step'), process },
    connect() {
      const stream = openSdsClient(t, path('sds'));
      stream.request({ names: ['default', 'ROOTCA'], nodeId: 'sleep-1' });
      return stream;
    },
  };
}

/** ACKs until the test ends. */
async function acknowledgeAll(stream: SdsClient): Promise<void> {
  for (;;) stream.ack(await stream.expectResponse());
}

function addresses(...agents: readonly { readonly status: string }[]): string[] {
  return agents.flatMap(({ status }) => ['--status-address', status]);
}

t.test('a set of agents goes forward step by step, and back, and its file has the step', async (t) => {
  const ca = await FakeCaServer.start(t, NEW_ROOT);
  const agents = [await startAgent(t, ca, 'files'), await startAgent(t, ca, 'files')] as const;
  for (const agent of agents) acknowledgeAll(agent.connect()).catch(() => {});
  for (const agent of agents) await settled(t, agent);
  const set = addresses(...agents);
  const plan = await runSidecert(t, ['migrate', 'plan', ...set]);
  t.match(plan, {
    code: 0,
    out: /^next: from files to ca \(certificates of the CA, roots of both\), 2 agents: safe$/m,
  });
  t.match(plan.out, /^back: none: all agents are at the first step/m);
  for (const [action, from, to] of [
    ['next', 'files', 'ca'],
    ['next', 'ca', 'ca-only'],
    ['back', 'ca-only', 'ca'],
    ['back', 'ca', 'files'],
    ['next', 'files', 'ca'],
  ] as const) {
    const { code, out, err } = await runSidecert(t, ['migrate', action, ...set]);
    t.equal(code, 0, `${out}${err}`);
    t.equal(out, `2 agents went from ${from} to ${to}\n`);
    for (const { stepFile } of agents) t.equal(readFileSync(stepFile, 'utf8'), `${to}\n`);
  }
  t.equal(statSync(agents[0].stepFile).mode & 0o777, 0o640, 'the mode of the file stays');
  const status = await runSidecert(t, ['migrate', 'status', '--output', 'json', ...set]);
  t.match(JSON.parse(status.out).members, [
    { kind: 'agent', name: agents[0].status, spiffe_id: 'spiffe://cluster.local/ns/foo/sa/sleep', step: 'ca' },
    { step: 'ca', served: 'ca', held_up_by: [], step_file: agents[1].stepFile },
  ]);
});

/** Resolves when nothing holds the agent up. */
async function settled(t: Test, { status }: Agent): Promise<void> {
  while ((await runSidecert(t, ['migrate', 'status', '--status-address', status])).code !== 0);
}

t.test('a step that is not safe is refused with the names, and taken with --force', async (t) => {
  const ca = await FakeCaServer.start(t, NEW_ROOT);
  const [ready, silent] = [await startAgent(t, ca, 'files'), await startAgent(t, ca, 'files')];
  acknowledgeAll(ready.connect()).catch(() => {});
  await settled(t, ready);
  const away = join(shortDir(t), 'away');
  const set = [...addresses(ready, silent), '--status-address', away];
  const refused = await runSidecert(t, ['migrate', 'next', ...set]);
  t.equal(refused.code, 1);
  for (const line of [
    /^next: from files to ca .*, 2 agents: not safe$/m,
    new RegExp(`^ {2}${away}: .*ENOENT, there is no such socket`, 'm'),
    new RegExp(`^ {2}${silent.status}: no Envoy asks for its secrets, and its files lack roots of the CA$`, 'm'),
    /^nothing was changed; --force takes the step all the same$/m,
  ]) {
    t.match(refused.out, line);
  }
  t.equal(readFileSync(ready.stepFile, 'utf8'), 'files\n');
  const json = JSON.parse((await runSidecert(t, ['migrate', 'next', '-o', 'json', ...set])).out);
  t.match(json, { taken: false, is_safe: false, from: 'files', to: 'ca', agents: [ready.status, silent.status] });
  t.match(json.blocked_by, [{ name: away }, { name: silent.status }]);

  const forced = await runSidecert(t, ['migrate', 'next', '--force', ...set]);
  t.match(forced, { code: 0, out: /2 agents went from files to ca$/m }, forced.err);
  t.equal(readFileSync(silent.stepFile, 'utf8'), 'ca\n');
});

t.test('agents of another machine are judged by what its status has printed, and take no step from here', async (t) => {
  const ca = await FakeCaServer.start(t, NEW_ROOT);
  const [here, there] = [await startAgent(t, ca, 'files'), await startAgent(t, ca, 'files')];
  for (const agent of [here, there]) acknowledgeAll(agent.connect()).catch(() => {});
  for (const agent of [here, there]) await settled(t, agent);
  const other = join(shortDir(t), 'other.json');
  const printed = await runSidecert(t, ['migrate', 'status', '-o', 'json', ...addresses(there)]);
  const next = (document: object) => {
    writeFileSync(other, JSON.stringify(document));
    return runSidecert(t, ['migrate', 'next', '--members', other, ...addresses(here)]);
  };

  const document = JSON.parse(printed.out);
  const [member] = document.members;
  const roots = { ...member.root_fingerprints, served: member.root_fingerprints.files };
  const untrusting = await next({ ...document, members: [{ ...member, root_fingerprints: roots }] });
  t.match(untrusting, { code: 1, out: /^next: from files to ca .*, 1 agent: not safe$/m });
  t.match(untrusting.out, `other.json: ${there.status}: its trust bundle lacks roots of the CA`);
  t.equal(readFileSync(here.stepFile, 'utf8'), 'files\n');
  const old = await next({ ...document, asked_at: '2026-01-01T00:00:00.000Z' });
  t.match(old.err, /other.json: got one of 2026-01-01T00:00:00.000Z, expected one of the last ten minutes/);
  t.match((await next({ members: [] })).err, /other.json: got another document, expected what sidecert migrate status/);
  const names = await next({ ...document, members: [{ ...member, name: here.status, step: 'sideways' }] });
  t.match(names.out, `other.json: ${here.status}: its kind or its step is not known here`);

  const taken = await next(document);
  t.match(taken, { code: 0, out: '1 agent went from files to ca\n' }, taken.err);
  t.equal(readFileSync(there.stepFile, 'utf8'), 'files\n', 'that of the other machine is left alone');
});

t.test('the step survives a restart of the agent', async (t) => {
  const ca = await FakeCaServer.start(t, NEW_ROOT);
  const agent = await startAgent(t, ca, 'ca-only');
  const { out } = await runSidecert(t, ['status', '--output', 'json', '--status-address', agent.status]);
  t.match(JSON.parse(out).migration, { step: 'ca-only', step_file: agent.stepFile });
});

t.test('an agent that never completes the step is named at the end of the time', async (t) => {
  const ca = await FakeCaServer.start(t, NEW_ROOT);
  const agent = await startAgent(t, ca, 'files');
  const stream = agent.connect();
  stream.ack(await stream.expectResponse());
  await settled(t, agent);
  const { code, out } = await runSidecert(t, ['migrate', 'next', '--timeout', '3s', '--status-address', agent.status]);
  t.equal(code, 1);
  t.match(out, /^1 of 1 agent have not completed ca$/m);
  t.match(out, /: a stream of Envoy has not acknowledged default, ROOTCA$/m);
  t.match(out, /sidecert migrate back takes the step back$/m);
});

t.test('a file that says no step is never written, whatever a status page says', async (t) => {
  const precious = join(shortDir(t), 'precious');
  writeFileSync(precious, 'root:x:0:0\n');
  const migration = {
    ...{ step: 'files', step_file: precious, served: 'files', held_up_by: [] },
    root_fingerprints: { served: ['a', 'b'], files: ['a'], ca: ['b'] },
  };
  const page = { version: '0', hot_path: 'js', identities: [], migration };
  const liar = await serveStatus(t, JSON.stringify(page));
  const { code, out } = await runSidecert(t, ['migrate', 'next', '--status-address', liar, '--timeout', '1s']);
  t.equal(code, 1);
  t.match(out, /precious: got another content, expected one of files, ca, ca-only/);
  t.equal(readFileSync(precious, 'utf8'), 'root:x:0:0\n');
});

t.test('what is wrong with the command line is said, with exit code 2', async (t) => {
  const cases = [
    { args: ['migrate'], err: /--action: got nothing, expected one of status, plan, next, back, clean-up/ },
    { args: ['migrate', 'forward', '-n', 'foo'], err: /--action: got "forward", expected one of status, plan/ },
    { args: ['migrate', 'plan'], err: /--status-address, --namespace: got neither, expected one of them/ },
    { args: ['migrate', 'plan', '--status-address', '10.0.0.1:1'], err: /expected a port of this machine/ },
    { args: ['migrate', 'clean-up', '--status-address', '/s'], err: /clean-up: got no --namespace/ },
    {
      args: ['migrate', 'plan', '-n', 'foo', '--force'],
      err: /--force: got it with plan, expected it with next or back/,
    },
    {
      args: ['migrate', 'next', '-n', 'foo', '--delete'],
      err: /--delete: got it with next, expected it with clean-up/,
    },
  ];
  for (const { args, err } of cases) t.match(await runSidecert(t, args), { code: 2, out: '', err });
});
