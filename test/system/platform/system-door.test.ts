import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddon } from '../../../src/system/addon/index.js';
import { peerCredentials } from '../../../src/system/platform/index.js';
import { shortDir } from '../../support/short-dir.js';

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;

/** The descriptor of a socket, which Node has no public name for. */
function descriptorOf(socket: Socket): number {
  return Number(Object(socket)._handle.fd);
}

async function listening(t: Test, address: string | number): Promise<Server> {
  const server = createServer();
  server.listen(address);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

async function accepted(t: Test, server: Server): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => socket.destroy());
  return socket;
}

t.test('the kernel tells who has connected, another process too', { skip }, async (t) => {
  const path = join(shortDir(t), 's');
  const server = await listening(t, path);
  const script = "require('node:net').connect(process.argv[1])";
  const child = spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  const socket = await accepted(t, server);
  const peer = { pid: child.pid, uid: process.getuid?.(), gid: process.getgid?.() };
  t.same(peerCredentials(descriptorOf(socket)), { kind: 'known', peer });
});

t.test('what is no Unix socket has no peer', { skip }, async (t) => {
  const server = await listening(t, 0);
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const client = createConnection({ port });
  t.teardown(() => client.destroy());
  const socket = await accepted(t, server);
  t.match(peerCredentials(descriptorOf(socket)), { kind: 'unknown', reason: /AF_UNIX/ }, 'TCP');
  t.match(peerCredentials(openSync('package.json', 'r')), { kind: 'unknown', reason: /SO_DOMAIN/ }, 'a file');
  for (const wrong of [-1, 2 ** 31, Number.NaN, 1_000_000]) {
    t.match(peerCredentials(wrong), { kind: 'unknown' }, `${wrong}`);
  }
});

t.test('a process that is to end with its parent ends at once when that has ended', { skip }, async (t) => {
  const module = new URL('../../../src/system/platform/system-door.js', import.meta.url).href;
  const end = async (parent: string): Promise<unknown[]> => {
    const script = `const { endWithParent } = await import('${module}'); endWithParent(${parent}); process.exit(3);`;
    return once(spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }), 'exit');
  };
  t.strictSame(await end('process.ppid'), [3, null]);
  t.strictSame(await end('process.pid'), [null, 'SIGKILL']);
});

t.test('a process that forbids dumping cannot be read by others of its user', { skip }, async (t) => {
  const module = new URL('../../../src/system/platform/system-door.js', import.meta.url).href;
  const script = `const { forbidDumping } = await import('${module}'); forbidDumping();
    const { statSync } = await import('node:fs');
    console.log(statSync('/proc/self/maps').uid, process.getuid());`;
  const asNobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], asNobody);
  // proc(5): the files of a process that is not dumpable belong to root.
  t.match(String(said), /^0 [1-9]/);
});
