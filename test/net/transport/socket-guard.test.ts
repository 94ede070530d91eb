import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import type { Wire } from '../../../src/net/http2/index.js';
import { listenPlain, listenUnix } from '../../../src/net/transport/index.js';
import { foreignWriter } from '../../../src/net/transport/socket-directory.js';
import { judgePath } from '../../../src/net/transport/socket-path-state.js';
import type { UnixListenerOptions } from '../../../src/net/transport/unix-listener.js';
import { Metric, MetricRegistry, silentLogger } from '../../../src/telemetry/index.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { SOCKET_WAYS } from '../../support/socket-ways.js';
import { Written } from '../../support/written.js';

const OURS = { dev: 1, ino: 2 };
const states = [
  { name: 'our inode is ours, whoever its owner is', seen: { ino: 2, uid: 7, isSocket: true }, state: 'ours' },
  {
    name: 'another socket of our user is that of another agent',
    seen: { ino: 3, uid: 5, isSocket: true },
    state: 'taken_over',
  },
  { name: 'so is that of root', seen: { ino: 3, uid: 0, isSocket: true }, state: 'taken_over' },
  { name: 'that of another user is not', seen: { ino: 3, uid: 7, isSocket: true }, state: 'replaced' },
  { name: 'a file of our user is not', seen: { ino: 3, uid: 5, isSocket: false }, state: 'replaced' },
  {
    name: 'the same inode of another disk is not ours',
    seen: { dev: 9, ino: 2, uid: 7, isSocket: true },
    state: 'replaced',
  },
] as const;
for (const { name, seen, state } of states) {
  t.test(name, async (t) => t.equal(judgePath({ kind: 'file', dev: 1, ...seen }, OURS, 5), state));
}

t.test('no file is a missing one', async (t) => t.equal(judgePath({ kind: 'nothing' }, OURS, 5), 'missing'));

const d = (path: string, mode: number, uid = 5) => ({ path, mode: 0o40000 | mode, uid });
const directories = [
  { name: 'only ours', chain: [d('/a/b', 0o755), d('/a', 0o755, 0), d('/', 0o755, 0)], says: undefined },
  { name: 'all may write', chain: [d('/a/b', 0o777), d('/a', 0o755, 0)], says: '/a/b is writable for all users' },
  { name: 'a group may write', chain: [d('/a/b', 0o770)], says: '/a/b is writable for its group' },
  { name: 'all may write, but each to its own', chain: [d('/tmp', 0o1777, 0), d('/', 0o755, 0)], says: undefined },
  { name: 'the one above', chain: [d('/a/b', 0o700), d('/a', 0o777)], says: '/a is writable for all users' },
  { name: "another user's", chain: [d('/a/b', 0o700, 7)], says: '/a/b belongs to user 7' },
  { name: "another user's, sticky", chain: [d('/a/b', 0o1777, 7)], says: '/a/b belongs to user 7' },
];
for (const { name, chain, says } of directories) {
  t.test(`who may replace a file: ${name}`, async (t) => t.equal(foreignWriter(chain, 5), says));
}

const DEFAULTS = { mode: 0o666, backlog: 16 } as const;

/** A listener whose connections say that they are its own. */
async function listen(t: Test, path: string, options: Partial<UnixListenerOptions> = {}) {
  const logger = new RecordingLogger();
  const metrics = new MetricRegistry();
  const wires: Wire[] = [];
  const onWire = (wire: Wire): void => {
    wires.push(wire);
    wire.start({ received: () => {}, closed: () => {} });
    wire.send(0, Buffer.from('ours'));
  };
  const listener = await listenUnix({ via: 'addon', ...DEFAULTS, path, onWire, logger, metrics, ...options });
  t.teardown(async () => {
    await listener.close();
    for (const wire of wires) wire.destroy();
  });
  const lost = (reason: string): number => metrics.counter(Metric.socketLost, { reason }).value;
  return { listener, logger, lost };
}

/** Connects, and resolves with what it is greeted by. */
async function greeting(t: Test, path: string): Promise<{ text: string; socket: Socket }> {
  const socket = connect(path);
  t.teardown(() => socket.destroy());
  const [text] = await once(socket, 'data');
  return { text: String(text), socket };
}

/** Resolves with the new inode at a path, when there is one. */
async function nextInode(path: string, before: number): Promise<number> {
  for (;;) {
    const ino = (await lstat(path).catch(() => undefined))?.ino;
    if (ino !== undefined && ino !== before) return ino;
    await new Promise(setImmediate);
  }
}

/** A socket that is somebody else's. */
async function otherSocket(t: Test, path: string): Promise<void> {
  const server = createServer((socket) => socket.end('other'));
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
}

for (const via of SOCKET_WAYS) {
  t.test(`via ${via}: a socket that is removed is put back, and who is connected stays`, async (t) => {
    const path = join(shortDir(t), 's');
    const { logger, lost } = await listen(t, path, { via });
    const { socket } = await greeting(t, path);
    const { ino } = await lstat(path);
    await unlink(path);
    await nextInode(path, ino);
    t.equal((await greeting(t, path)).text, 'ours');
    await logger.until('socket had been removed, and was put back');
    t.notOk(socket.destroyed);
    t.equal(socket.readyState, 'open');
    t.equal((await lstat(path)).mode & 0o777, 0o666);
    t.same(await readdir(dirname(path)), ['s']);
    t.equal(lost('missing'), 1);
    t.match(logger.lines, [{ level: 'warn', message: 'socket had been removed, and was put back', fields: { path } }]);
  });

  t.test(`via ${via}: a file or a link in place of the socket is replaced by it`, async (t) => {
    const directory = shortDir(t);
    const path = join(directory, 's');
    const { logger, lost } = await listen(t, path, { via });
    await otherSocket(t, join(directory, 'other'));
    for (const put of [() => writeFile(`${path}.new`, ''), () => symlink(join(directory, 'other'), `${path}.new`)]) {
      await put();
      const { ino } = await lstat(`${path}.new`);
      await rename(`${path}.new`, path);
      await nextInode(path, ino);
      t.equal((await greeting(t, path)).text, 'ours');
    }
    t.equal(lost('replaced'), 2);
    t.match(logger.lines[0], { level: 'error', message: 'socket had been replaced, and was put back' });
  });

  t.test(`via ${via}: a directory that is removed is made again`, async (t) => {
    const path = join(shortDir(t), 'below', 's');
    await listen(t, path, { via });
    const { ino } = await lstat(path);
    rmSync(dirname(path), { recursive: true });
    await nextInode(path, ino);
    t.equal((await greeting(t, path)).text, 'ours');
  });

  t.test(`via ${via}: an agent of our user that takes over is left alone`, async (t) => {
    const path = join(shortDir(t), 's');
    const { listener, logger, lost } = await listen(t, path, { via });
    await otherSocket(t, `${path}.other`);
    const { ino } = await lstat(`${path}.other`);
    await rename(`${path}.other`, path);
    await logger.until('socket was taken over by another agent');
    t.equal((await lstat(path)).ino, ino);
    await unlink(path);
    await listener.close();
    t.same(await readdir(dirname(path)), []);
    t.equal(lost('taken_over'), 1);
  });
}

/** Of another user: takes the place of a socket, and says so when it has. */
const THIEF = `
  const [path] = process.argv.slice(1);
  const { renameSync } = require('node:fs');
  require('node:net').createServer((socket) => socket.end('thief')).listen(path + '.thief', () => {
    renameSync(path + '.thief', path);
    console.log('taken');
  });`;
const isRoot = process.getuid?.() === 0;
const skip = (!isRoot && 'not root') || (spawnSync('setpriv', ['--version']).error !== undefined && 'no setpriv');

t.test(
  'another user that takes the place of the socket is replaced at once, named and counted',
  { skip },
  async (t) => {
    const directory = shortDir(t);
    await chmod(directory, 0o777);
    const path = join(directory, 's');
    const { logger, lost } = await listen(t, path);
    const { ino } = await lstat(path);
    const as = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const thief = spawn('setpriv', [...as, process.execPath, '-e', THIEF, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => thief.kill('SIGKILL'));
    await new Written(thief.stdout, 'the thief').line('');
    const message = 'socket had been replaced, and was put back';
    t.match(await logger.until(message), { level: 'error', fields: { path, uid: 65534 } });
    t.not((await lstat(path)).ino, ino);
    t.equal((await lstat(path)).uid, 0);
    t.equal((await greeting(t, path)).text, 'ours');
    t.equal(lost('replaced'), 1);
  },
);

/** What is done between two checks, however long that takes. */
const BETWEEN_CHECKS = { every: () => () => {} };

t.test('a socket that is removed again and again is not put back without end', async (t) => {
  const path = join(shortDir(t), 's');
  const { logger, lost } = await listen(t, path, BETWEEN_CHECKS);
  for (let round = 0; round < 20; round += 1) {
    const { ino } = await lstat(path);
    await unlink(path);
    await nextInode(path, ino);
  }
  await unlink(path);
  while (lost('missing') < 21) await new Promise(setImmediate);
  await t.rejects(lstat(path), { code: 'ENOENT' }, 'not before the next check');
  t.equal(logger.lines.length, 1, 'said once');
});

t.test('a directory in place of the socket is said once, and not tried without end', async (t) => {
  const path = join(shortDir(t), 's');
  const { logger, lost } = await listen(t, path, BETWEEN_CHECKS);
  await mkdir(`${path}.new`);
  // Within one turn of the event loop, so that the socket is not put back in between.
  unlinkSync(path);
  renameSync(`${path}.new`, path);
  await logger.until('socket cannot be put back');
  // The first of 20 tries may have found nothing there.
  while (lost('replaced') < 19) await new Promise(setImmediate);
  for (let round = 0; round < 1000; round += 1) await new Promise(setImmediate);
  t.equal(logger.of('socket cannot be put back').length, 1);
  t.ok(lost('replaced') <= 50, 'each try changes the directory, and must not bring about the next without end');
  // The last try may still be cleaning up behind itself.
  const limit = AbortSignal.timeout(PATIENCE_MS);
  while (!limit.aborted && (await readdir(dirname(path))).length > 1) await new Promise(setImmediate);
  t.same(await readdir(dirname(path)), ['s']);
});

t.test("the status pages' socket is put back, too", async (t) => {
  const path = join(shortDir(t), 's');
  const makeServer = () => createServer((socket) => void socket.end('ours'));
  const listener = await listenPlain({ at: { path, mode: 0o600 }, backlog: 8, makeServer, logger: silentLogger });
  const { ino } = await lstat(path);
  await unlink(path);
  await nextInode(path, ino);
  t.equal((await greeting(t, path)).text, 'ours');
  await Promise.all([listener.close(), listener.close()]);
  t.same(await readdir(dirname(path)), []);
});

t.test('a socket that must be private is refused where others may replace it', async (t) => {
  const directory = join(shortDir(t), 'open');
  await mkdir(directory);
  const path = join(directory, 's');
  for (const [mode, says] of [
    [0o777, `${directory} is writable for all users`],
    [0o770, `${directory} is writable for its group`],
  ] as const) {
    chmodSync(directory, mode);
    await t.rejects(listen(t, path, { isPrivate: true }), {
      code: 'ERR_SOCKET_INVALID',
      message: new RegExp(`expected one that only we may write to: ${says}`),
    });
  }
  chmodSync(directory, 0o1777);
  await listen(t, path, { isPrivate: true });
});

t.test(
  'a pod connects through a mount that it may only read, and cannot replace the socket there',
  { skip },
  async (t) => {
    const directory = shortDir(t);
    const path = join(directory, 's');
    await listen(t, path);
    const script = `
    const { connect } = require('node:net');
    const { unlinkSync } = require('node:fs');
    try { unlinkSync(process.argv[1]); } catch (error) { console.log(error.code); }
    connect(process.argv[1]).on('data', (text) => { console.log(String(text)); process.exit(); });`;
    const mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
    const pod = spawn('unshare', ['-m', 'sh', '-c', mount, directory, process.execPath, '-e', script, path]);
    t.equal(await new Written(pod.stdout, 'the pod').whole(), 'EROFS\nours\n');
  },
);
