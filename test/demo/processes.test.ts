import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../../src/demo/polling.js';
import { Supervisor } from '../../src/demo/processes/supervisor.js';
import { PATIENCE_MS } from '../support/patience.js';
import { shortDir } from '../support/short-dir.js';

/** A process whose life can be watched: it holds a connection to the test, and says its pid on it. */
const WATCHED = `
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
socket.write(String(process.pid));
console.log('up');
if (process.argv[2] === 'stubborn') process.on('SIGTERM', () => {});
socket.on('error', () => {});
`;

async function listen(t: Test): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** The next process that connects. `gone` resolves at its end. */
async function nextProcess(server: Server): Promise<{ pid: number; gone: Promise<unknown> }> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => {});
  const gone = once(socket, 'close');
  const [data] = await once(socket, 'data');
  return { pid: Number(String(data)), gone };
}

function supervisorIn(t: Test, directory: string): { supervisor: Supervisor; deaths: string[] } {
  const deaths: string[] = [];
  const supervisor = new Supervisor({ directory, onDeath: (line) => deaths.push(line) });
  t.teardown(() => supervisor.close());
  return { supervisor, deaths };
}

t.test('a process that dies is started again, and its output is kept', async (t) => {
  const directory = shortDir(t);
  const { server, port } = await listen(t);
  const { supervisor, deaths } = supervisorIn(t, directory);
  const lines: string[] = [];
  const first = nextProcess(server);
  const supervised = supervisor.start({
    name: 'watched',
    command: process.execPath,
    args: ['-e', WATCHED, String(port)],
    logFile: join(directory, 'log'),
    onLine: (line) => lines.push(line),
  });
  t.equal(supervised.pid, (await first).pid);
  const second = nextProcess(server);
  process.kill((await first).pid, 'SIGKILL');
  await (await first).gone;
  t.not((await second).pid, (await first).pid);
  t.equal(supervised.pid, (await second).pid);
  t.strictSame(deaths, ['watched died (SIGKILL); starting it again']);
  await supervisor.close();
  await (await second).gone;
  t.strictSame(lines, ['up', 'up']);
  t.strictSame(supervised.tail, ['up', 'up']);
  t.equal(await readFile(join(directory, 'log'), 'utf8'), 'up\nup\n');
  t.equal(deaths.length, 1, 'an end that was asked for is no death');
});

t.test('a program that is not there is reported, and stopping it ends the tries', async (t) => {
  const directory = shortDir(t);
  const { supervisor, deaths } = supervisorIn(t, directory);
  supervisor.start({ name: 'nothing', command: join(directory, 'none'), args: [], logFile: join(directory, 'log') });
  await until('a report', AbortSignal.timeout(PATIENCE_MS), async () => deaths[0]);
  t.match(deaths[0], /nothing died \(spawn .* ENOENT\)/);
  await supervisor.close();
});

/** A demo in miniature, in a process of its own that the test can kill. */
const OWNER = `
const { Supervisor } = await import(process.argv[1]);
const supervisor = new Supervisor({ directory: process.argv[2], onDeath() {} });
for (const mode of ['meek', 'stubborn']) {
  supervisor.start({ name: mode, command: process.execPath, args: ['-e', ${JSON.stringify(WATCHED)}, process.argv[3], mode], logFile: process.argv[2] + '/' + mode });
}
`;

t.test('when the demo itself is killed, its processes end and its directory goes', async (t) => {
  const directory = join(shortDir(t), 'demo');
  await mkdir(directory);
  const { server, port } = await listen(t);
  const module = new URL('../../src/demo/processes/supervisor.js', import.meta.url).href;
  const children: Promise<unknown>[] = [];
  const bothUp = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.resume();
      children.push(once(socket, 'close'));
      if (children.length === 2) resolve();
    });
  });
  const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER, module, directory, String(port)]);
  await bothUp;
  owner.kill('SIGKILL');
  await Promise.all(children);
  await until('the directory removed', AbortSignal.timeout(PATIENCE_MS), async () =>
    access(directory).then(
      () => undefined,
      () => true,
    ),
  );
  t.pass('also the one that ignores SIGTERM');
});
