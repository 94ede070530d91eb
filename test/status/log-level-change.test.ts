import { spawn } from 'node:child_process';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { startStatusServer } from '../../src/status/index.js';
import { loadAddon } from '../../src/system/addon/index.js';
import { LogThreshold } from '../../src/telemetry/index.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';

const content = { notReady: () => undefined, metrics: () => [], status: () => ({}) };

type Address = Parameters<typeof startStatusServer>[0]['address'];

async function serve(t: Test, address: Address) {
  const threshold = new LogThreshold('info');
  const logger = new RecordingLogger();
  const { lines } = logger;
  const server = await startStatusServer({ address, content, logger, threshold });
  t.teardown(() => server.close());
  return { threshold, lines, server };
}

function put(target: string, host = 'localhost', more = ''): string {
  return `PUT ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
}

async function ask(t: Test, at: NetConnectOpts, request: string): Promise<string> {
  const socket = connect(at);
  t.teardown(() => socket.destroy());
  socket.write(request);
  return text(socket);
}

const places = [
  { name: 'IPv4', listen: '127.0.0.1', dial: '127.0.0.1' },
  { name: 'IPv6', listen: '::1', dial: '::1' },
  { name: 'IPv4 on a socket of both', listen: '::', dial: '127.0.0.1' },
  { name: 'IPv6 on a socket of both', listen: '::', dial: '::1' },
  { name: 'all of IPv4', listen: '0.0.0.0', dial: '127.0.0.1' },
];
for (const { name, listen, dial } of places) {
  t.test(`the user of the process sets the level over TCP: ${name}`, async (t) => {
    const { threshold, lines, server } = await serve(t, { host: listen, port: 0 });
    const port = Number(server.address.split(':').at(-1));
    const answer = await ask(t, { host: dial, port }, put('/log-level/debug?seconds=600'));
    t.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*log level debug for 600 s\n$/);
    t.equal(threshold.level, 'debug');
    t.match(lines.at(-1), { level: 'warn', message: 'log level changed', fields: { log_level: 'debug' } });
    t.match(await ask(t, { host: dial, port }, put('/log-level/configured')), /log level info\n$/);
    t.equal(threshold.level, 'info');
  });
}

const withoutAddon = loadAddon().kind === 'absent' && 'only the addon knows who is at a Unix socket';
t.test('the user of the process sets the level over a Unix socket', { skip: withoutAddon }, async (t) => {
  const path = join(shortDir(t), 's');
  const { threshold } = await serve(t, { socketPath: path });
  t.match(await ask(t, { path }, put('/log-level/error')), /200 OK/);
  t.equal(threshold.level, 'error');
});

const skip = process.geteuid?.() === 0 ? false : 'only root can be another user';
t.test('another user of the machine is refused, and so is its second try', { skip }, async (t) => {
  const { threshold, server } = await serve(t, { host: '127.0.0.1', port: 0 });
  const port = server.address.split(':').at(-1);
  const program = `const s = require('node:net').connect(${port}, '127.0.0.1');
    s.write(${JSON.stringify(put('/log-level/debug', 'localhost'))}); s.pipe(process.stdout);`;
  const child = spawn(process.execPath, ['-e', program], { uid: 12345, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  const said = await text(child.stdout);
  t.match(said, /403 Forbidden[\s\S]*got user 12345, expected user 0 of this process, or root/);
  t.equal(threshold.level, 'info');
});

const refused = [
  { name: 'a name of the web', request: put('/log-level/debug', 'evil.example'), code: 421 },
  { name: 'no host', request: 'PUT /log-level/debug HTTP/1.0\r\n\r\n', code: 421 },
  { name: 'a body', request: `${put('/log-level/debug', 'localhost', 'Content-Length: 1\r\n')}x`, code: 413 },
  { name: 'no level', request: put('/log-level/trace'), code: 404 },
  { name: 'more than a day', request: put('/log-level/debug?seconds=86401'), code: 404 },
  { name: 'no time', request: put('/log-level/debug?seconds=0'), code: 404 },
  { name: 'another page', request: put('/metrics'), code: 404 },
  { name: 'POST', request: 'POST /log-level/debug HTTP/1.1\r\nHost: localhost\r\n\r\n', code: 405 },
  { name: 'GET', request: 'GET /log-level/debug HTTP/1.1\r\nHost: localhost\r\n\r\n', code: 404 },
  {
    name: 'what a browser asks first',
    request: 'OPTIONS /log-level/debug HTTP/1.1\r\nHost: localhost\r\nAccess-Control-Request-Method: PUT\r\n\r\n',
    code: 405,
  },
];
for (const { name, request, code } of refused) {
  t.test(`the level stays for ${name}`, async (t) => {
    const { threshold, server } = await serve(t, { host: '0.0.0.0', port: 0 });
    const port = Number(server.address.split(':').at(-1));
    const answer = await ask(t, { host: '127.0.0.1', port }, request);
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${code} `));
    t.notMatch(answer, /access-control/i);
    t.equal(threshold.level, 'info');
  });
}
