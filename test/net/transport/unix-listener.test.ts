import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import type { Wire } from '../../../src/net/http2/index.js';
import { listenUnix } from '../../../src/net/transport/index.js';
import { publishSocket } from '../../../src/net/transport/socket-file.js';
import type { UnixListenerOptions } from '../../../src/net/transport/unix-listener.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { NO_ADDON } from '../../hotpath/implementations.js';
import { shortDir } from '../../support/short-dir.js';
import { SOCKET_WAYS } from '../../support/socket-ways.js';

async function listen(t: Test, path: string, options: Partial<UnixListenerOptions> = {}) {
  const wires: Wire[] = [];
  const onWire = (wire: Wire) => wires.push(wire);
  const listener = await listenUnix({ ...DEFAULTS, path, onWire, ...options });
  t.teardown(async () => {
    await listener.close();
    for (const wire of wires) wire.destroy();
  });
  return { listener, wires };
}

const DEFAULTS = { mode: 0o660, backlog: 4096, via: 'addon', logger: silentLogger } as const;

function connected(t: Test, path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once('error', reject);
    t.teardown(() => socket.destroy());
  });
}

/** Resolves when the listener has handed on `count` connections. */
async function handedOn(wires: readonly Wire[], count: number): Promise<readonly Wire[]> {
  while (wires.length < count) await new Promise(setImmediate);
  return wires;
}

/** Resolves with the first bytes that come. */
function firstBytes(wire: Wire): Promise<string> {
  return new Promise((resolve) => {
    wire.start({ received: (bytes, start, end) => resolve(bytes.toString('latin1', start, end)), closed: () => {} });
  });
}

/** A socket file that nobody answers on, as a killed process leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.bound`, resolve));
  // Closing removes the file under the name that it was bound by; the renamed one stays behind.
  await rename(`${path}.bound`, path);
  await new Promise((resolve) => server.close(resolve));
}

t.test(
  'row 71: the socket has its mode, its missing directory is made, and nothing else is left beside it',
  async (t) => {
    const path = join(shortDir(t), 'made', 'sds.sock');
    const { listener } = await listen(t, path, { mode: 0o620 });
    t.equal((await lstat(path)).mode & 0o777, 0o620);
    t.equal((await lstat(join(path, '..'))).mode & 0o027, 0, 'no write for the group, nothing for others');
    t.same(await readdir(join(path, '..')), ['sds.sock']);
    t.equal(listener.address, path);
  },
);

const isRoot = process.geteuid?.() === 0;

t.test('the socket is given to a group, with its mode', async (t) => {
  const path = join(shortDir(t), 's.sock');
  const group = isRoot ? 4242 : (process.getgroups?.().at(-1) ?? 0);
  await listen(t, path, { group, mode: 0o660 });
  const { gid, mode } = await lstat(path);
  t.strictSame([gid, mode & 0o777], [group, 0o660]);
});

t.test('a group that the process is no member of is refused, and nothing is left', async (t) => {
  const directory = shortDir(t);
  await chmod(directory, 0o777);
  if (isRoot) process.seteuid?.(65_534);
  try {
    await t.rejects(listen(t, join(directory, 's.sock'), { group: 4242 }), {
      code: 'ERR_SOCKET_INVALID',
      message: /s\.sock: got .*\(EPERM\).* for group 4242, expected a group that this process is a member of/,
    });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  t.same(await readdir(directory), []);
});

t.test(
  'row 71: the socket is bound in a private directory beside its path, out of reach until it has its mode',
  async (t) => {
    const directory = shortDir(t);
    const server = createServer();
    t.teardown(() => server.close());
    await publishSocket(join(directory, 's.sock'), { mode: 0o600 }, async (temporaryPath) => {
      const privateDirectory = await realpath(dirname(temporaryPath));
      t.equal(dirname(privateDirectory), directory);
      t.equal((await lstat(privateDirectory)).mode & 0o777, 0o700);
      await new Promise<void>((resolve) => server.listen(temporaryPath, resolve));
      t.notOk((await readdir(directory)).includes('s.sock'));
    });
    t.same(await readdir(directory), ['s.sock']);
  },
);

/** A directory with files that must stay as they are, and what they are. */
async function victim(t: Test) {
  const directory = shortDir(t);
  const file = join(directory, 'secret');
  await writeFile(file, 'kept', { mode: 0o600 });
  await chmod(directory, 0o700);
  const state = async () => [(await lstat(directory)).mode, (await lstat(file)).mode, await readdir(directory)];
  return { directory, file, state, before: await state() };
}

t.test(
  'who may write to its directory cannot lead elsewhere what is done to a socket before it is there',
  async (t) => {
    const bound = async (path: string): Promise<void> => {
      const server = createServer();
      t.teardown(() => server.close());
      await new Promise<void>((resolve) => server.listen(path, resolve));
    };

    await t.test('not by a link in the place of the private directory', async (t) => {
      const [directory, { directory: target, before, state }] = [shortDir(t), await victim(t)];
      await publishSocket(join(directory, 's.sock'), { mode: 0o666 }, async (temporaryPath) => {
        const privateDirectory = await realpath(dirname(temporaryPath));
        await rename(privateDirectory, join(directory, 'aside'));
        await symlink(target, privateDirectory);
        await bound(temporaryPath);
      });
      t.strictSame(await state(), before, 'nothing is made, changed or removed there');
      t.equal((await lstat(join(directory, 's.sock'))).mode & 0o777, 0o666);
    });

    await t.test('not by another directory with a link for a socket', async (t) => {
      const [directory, { directory: target, file, before, state }] = [shortDir(t), await victim(t)];
      await publishSocket(join(directory, 's.sock'), { mode: 0o666 }, async (temporaryPath) => {
        await bound(temporaryPath);
        const privateDirectory = await realpath(dirname(temporaryPath));
        await rename(privateDirectory, join(directory, 'aside'));
        await mkdir(privateDirectory);
        await symlink(file, join(privateDirectory, basename(temporaryPath)));
        await symlink(target, join(privateDirectory, 'more'));
      });
      t.strictSame(await state(), before);
      t.ok((await lstat(join(directory, 's.sock'))).isSocket());
    });

    for (const what of ['a file', 'a directory'] as const) {
      await t.test(`not by a link to ${what} in the place of the socket`, async (t) => {
        const [directory, { directory: target, file, before, state }] = [shortDir(t), await victim(t)];
        const publish = publishSocket(join(directory, 's.sock'), { mode: 0o666 }, async (temporaryPath) => {
          await bound(temporaryPath);
          await unlink(temporaryPath);
          await symlink(what === 'a file' ? file : target, temporaryPath);
        });
        await t.rejects(publish, { code: 'ERR_SOCKET_INVALID', message: /got a symbolic link, expected the socket/ });
        t.strictSame(await state(), before);
        t.strictSame(await readdir(directory), [], 'and nothing is left');
      });
    }
  },
);

for (const via of SOCKET_WAYS) {
  t.test(`via ${via}: a connection is handed on with every byte it sent before`, async (t) => {
    const path = join(shortDir(t), 's.sock');
    const { wires } = await listen(t, path, { via });
    const client = await connected(t, path);
    await new Promise((resolve) => client.write('hello', resolve));
    const [wire] = await handedOn(wires, 1);
    t.equal(wire && (await firstBytes(wire)), 'hello');
  });

  t.test(`via ${via}: close leaves handed-on connections alone, removes the socket, can be repeated`, async (t) => {
    const path = join(shortDir(t), 's.sock');
    const onWire = (wire: Wire): void => {
      t.teardown(() => wire.destroy());
      wire.start({
        received: (bytes, start, end) => wire.send(0, Buffer.from(bytes.subarray(start, end))),
        closed: () => {},
      });
    };
    const { listener } = await listen(t, path, { via, onWire });
    const client = await connected(t, path);
    const echo = () => new Promise((resolve) => client.once('data', resolve).write('x'));
    await echo();
    await Promise.all([listener.close(), listener.close()]);
    await t.rejects(connected(t, path), { code: 'ENOENT' });
    await echo();
  });

  t.test(`via ${via}: a peer that goes away before it is handed on does no harm`, async (t) => {
    const path = join(shortDir(t), 's.sock');
    const { wires } = await listen(t, path, { via });
    const gone = await connected(t, path);
    gone.destroy();
    await connected(t, path);
    t.equal((await handedOn(wires, 2)).length, 2);
  });

  t.test(`via ${via}: an attach that throws costs its own connection only, and is logged`, async (t) => {
    const path = join(shortDir(t), 's.sock');
    const messages: string[] = [];
    const taken: Wire[] = [];
    await listen(t, path, {
      via,
      logger: { ...silentLogger, error: (message) => messages.push(message) },
      onWire: (wire) => {
        t.teardown(() => wire.destroy());
        if (taken.push(wire) === 1) throw new Error('first');
      },
    });
    const first = await connected(t, path);
    await new Promise((resolve) => first.once('close', resolve).resume());
    await connected(t, path);
    await handedOn(taken, 2);
    t.same(messages, ['connection could not be attached']);
  });

  t.test(`row 57: via ${via}: 4000 simultaneous connects: none is refused, each is handed on`, async (t) => {
    const path = join(shortDir(t), 's.sock');
    const { wires } = await listen(t, path, { via });
    const clients = await Promise.all(Array.from({ length: 4000 }, () => connected(t, path)));
    t.equal((await handedOn(wires, clients.length)).length, 4000);
  });
}

t.test('row 73: the addon tells who has connected', { skip: NO_ADDON }, async (t) => {
  const path = join(shortDir(t), 's.sock');
  const { wires } = await listen(t, path);
  await connected(t, path);
  const [wire] = await handedOn(wires, 1);
  t.same(wire?.peer, { uid: process.getuid?.(), gid: process.getgid?.(), pid: process.pid });
});

t.test('row 72: a stale socket is replaced', async (t) => {
  const path = join(shortDir(t), 's.sock');
  await leaveStaleSocket(path);
  await t.rejects(connected(t, path), { code: 'ECONNREFUSED' });
  await listen(t, path);
  await connected(t, path);
});

t.test('row 72: a live socket is refused and goes on being served', async (t) => {
  const path = join(shortDir(t), 's.sock');
  await listen(t, path);
  await t.rejects(listen(t, path), { code: 'ERR_SOCKET_IN_USE' });
  await connected(t, path);
});

t.test('row 72: what is no socket is refused and left as it is', async (t) => {
  const directory = shortDir(t);
  await writeFile(join(directory, 'file'), 'precious');
  await mkdir(join(directory, 'directory'));
  await leaveStaleSocket(join(directory, 'stale'));
  await symlink(join(directory, 'stale'), join(directory, 'link'));
  for (const name of ['file', 'directory', 'link']) {
    await t.rejects(listen(t, join(directory, name)), { code: 'ERR_SOCKET_INVALID' }, name);
  }
  t.equal(await readFile(join(directory, 'file'), 'utf8'), 'precious');
  t.same((await readdir(directory)).sort(), ['directory', 'file', 'link', 'stale']);
});

t.test('a path that the kernel would cut is refused', async (t) => {
  const directory = shortDir(t);
  const cases = [
    { name: 'long file name', path: join(directory, 'x'.repeat(120)) },
    { name: 'empty', path: '' },
    { name: 'abstract', path: '\0abstract' },
  ];
  for (const { name, path } of cases) await t.rejects(listen(t, path), { code: 'ERR_SOCKET_INVALID' }, name);
});

for (const via of ['addon', 'node'] as const) {
  t.test(`a short name in a directory that is nearly too long works (${via})`, async (t) => {
    const short = shortDir(t);
    const directory = join(short, 'd'.repeat(107 - '/s'.length - short.length - '/'.length));
    const path = join(directory, 's');
    t.equal(path.length, 107);
    const { listener } = await listen(t, path, { via });
    await connected(t, path);
    t.same(await readdir(directory), ['s']);
    await listener.close();
    t.same(await readdir(directory), []);
  });
}

t.test('a relative path of any depth within the limit works', async (t) => {
  const before = process.cwd();
  process.chdir(shortDir(t));
  t.teardown(() => process.chdir(before));
  const { listener } = await listen(t, 'x'.repeat(107));
  await connected(t, 'x'.repeat(107));
  await listener.close();
  t.same(await readdir('.'), []);
});

t.test(
  'row 71: a directory that everybody may write to, as the kubelet makes them, is warned of unless it is sticky',
  async (t) => {
    const directory = join(shortDir(t), 'open');
    await mkdir(directory);
    const warningsWith = async (mode: number): Promise<number> => {
      await chmod(directory, mode);
      let warnings = 0;
      const logger = {
        ...silentLogger,
        warn() {
          warnings += 1;
        },
      };
      const path = join(directory, 's');
      const listener = await listenUnix({ ...DEFAULTS, path, onWire: () => {}, logger });
      await listener.close();
      return warnings;
    };
    t.equal(await warningsWith(0o777), 1);
    t.equal(await warningsWith(0o1777), 0);
    t.equal(await warningsWith(0o750), 0);
  },
);

t.test('a socket that somebody else has put in place of ours is not removed', async (t) => {
  const path = join(shortDir(t), 's.sock');
  const { listener } = await listen(t, path);
  await leaveStaleSocket(`${path}.other`);
  await rename(`${path}.other`, path);
  await listener.close();
  t.ok((await lstat(path)).isSocket());
});

t.test('a directory that cannot be made is told with its cause', async (t) => {
  const file = join(shortDir(t), 'file');
  await writeFile(file, '');
  await t.rejects(listen(t, join(file, 'below', 's')), { code: 'ERR_SOCKET_INVALID', cause: { code: 'ENOTDIR' } });
});

t.test('row 71: whoever looks at the socket, at whatever moment, finds it with its mode', async (t) => {
  const path = join(shortDir(t), 's.sock');
  const seen = new Set<number>();
  let isLooking = true;
  const look = (async () => {
    while (isLooking) {
      const file = await lstat(path).catch(() => undefined);
      if (file !== undefined) seen.add(file.mode & 0o777);
    }
  })();
  for (let round = 0; round < 50; round += 1) {
    const listener = await listenUnix({ ...DEFAULTS, path, mode: 0o640, onWire: () => {} });
    await lstat(path);
    await listener.close();
  }
  isLooking = false;
  await look;
  t.same([...seen], [0o640]);
});

for (const via of SOCKET_WAYS) {
  t.test(
    `row 76: via ${via}: a live socket can be taken over: no connect fails, both serve their own, the new one stays`,
    async (t) => {
      const path = join(shortDir(t), 's.sock');
      const before = await listen(t, path, { via });
      await connected(t, path);
      await handedOn(before.wires, 1);
      let isTaking = true;
      let connects = 0;
      const knock = (async () => {
        while (isTaking) {
          await connected(t, path);
          connects += 1;
        }
      })();
      const after = await listen(t, path, { via, takesOver: true });
      await handedOn(after.wires, 1);
      isTaking = false;
      await knock;
      t.ok(connects > 0);
      await before.listener.close();
      const taken = after.wires.length;
      await connected(t, path);
      await handedOn(after.wires, taken + 1);
      t.same(await readdir(dirname(path)), ['s.sock']);
    },
  );
}
