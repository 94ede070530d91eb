import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { OutputDirectory } from '../../../src/agent/output/index.js';
import { entriesOf, mismatchOf, readAtOnce, readByName, svidFiles } from '../../support/output-sets.js';
import { shortDir } from '../../support/short-dir.js';

const now = Date.now;
const NAMES = ['cert-chain.pem', 'key.pem', 'root-cert.pem'];
const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync('unshare', ['--version']).error === undefined;

t.test('chain, key and trust bundle are files that openssl and node:crypto take together', async (t) => {
  const path = join(shortDir(t), 'made', 'certs');
  await new OutputDirectory(path, { mode: 0o600, now }).write(svidFiles());
  t.equal(mismatchOf(readByName(path)), undefined);
  const [chain, key, root] = NAMES.map((name) => join(path, name)) as [string, string, string];
  const verdict = execFileSync('openssl', ['verify', '-CAfile', root, '-untrusted', chain, chain]).toString();
  t.equal(verdict, `${chain}: OK\n`);
  const ofLeaf = execFileSync('openssl', ['x509', '-in', chain, '-noout', '-pubkey']).toString();
  t.equal(execFileSync('openssl', ['pkey', '-in', key, '-pubout']).toString(), ofLeaf);
});

t.test('the names are links through ..data, and of the directories before none is left', async (t) => {
  const path = shortDir(t);
  const directory = new OutputDirectory(path, { mode: 0o600, now });
  const seen = new Set<string>();
  for (let count = 0; count < 3; count += 1) {
    await directory.write(svidFiles());
    for (const name of NAMES) t.equal(readlinkSync(join(path, name)), join('..data', name));
    const current = readlinkSync(join(path, '..data'));
    t.match(current, /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\w{6}$/);
    t.strictSame(entriesOf(path), [current, '..data', ...NAMES].sort());
    seen.add(current);
  }
  t.equal(seen.size, 3);
});

t.test('what a killed process has left is removed a minute later, and what is none of ours is not', async (t) => {
  const path = shortDir(t);
  let nowMs = Date.now();
  const directory = new OutputDirectory(path, { mode: 0o600, now: () => nowMs });
  mkdirSync(join(path, '..2026_11_30_22_40_05.aB3456'));
  writeFileSync(join(path, '..2026_11_30_22_40_05.aB3456', 'key.pem'), 'an old key');
  symlinkSync('nowhere', join(path, '..link.aB3456'));
  for (const name of ['..notes', 'README', '..2026_11_30']) mkdirSync(join(path, name));
  await directory.write(svidFiles());
  t.ok(
    entriesOf(path).includes('..2026_11_30_22_40_05.aB3456'),
    'it may be that of a process which is about to switch',
  );
  nowMs += 61_000;
  await directory.write(svidFiles());
  const current = readlinkSync(join(path, '..data'));
  t.strictSame(entriesOf(path), ['..2026_11_30', '..data', '..notes', 'README', current, ...NAMES].sort());
});

t.test('plain files of the same names, as of another agent, are replaced', async (t) => {
  const path = shortDir(t);
  for (const name of NAMES) writeFileSync(join(path, name), 'of another agent');
  await new OutputDirectory(path, { mode: 0o600, now }).write(svidFiles());
  t.equal(mismatchOf(readByName(path)), undefined);
});

const modes = [
  { mode: 0o600, directoryMode: 0o700 },
  { mode: 0o400, directoryMode: 0o700 },
  { mode: 0o640, directoryMode: 0o750 },
  { mode: 0o440, directoryMode: 0o750 },
];
for (const { mode, directoryMode } of modes) {
  t.test(`files of mode ${mode.toString(8)} lie in a directory of mode ${directoryMode.toString(8)}`, async (t) => {
    const path = shortDir(t);
    await new OutputDirectory(path, { mode, now }).write(svidFiles());
    for (const name of NAMES) t.equal(statSync(join(path, name)).mode & 0o7777, mode, name);
    t.equal(statSync(join(path, '..data')).mode & 0o7777, directoryMode);
  });
}

t.test('owner and group are those that were asked for', { skip: !isRoot && 'not root' }, async (t) => {
  const path = shortDir(t);
  await new OutputDirectory(path, { mode: 0o640, now, owner: { uid: 65534, gid: 4242 } }).write(svidFiles());
  for (const name of ['..data', ...NAMES]) {
    const { uid, gid } = statSync(join(path, name));
    t.strictSame({ uid, gid }, { uid: 65534, gid: 4242 }, name);
  }
  await new OutputDirectory(path, { mode: 0o640, now, owner: { gid: 4343 } }).write(svidFiles());
  t.match(statSync(join(path, 'key.pem')), { uid: 0, gid: 4343 });
});

t.test(
  'a directory that gives its group on, as fsGroup makes it, gives it to the files',
  { skip: !isRoot && 'not root' },
  async (t) => {
    const path = shortDir(t);
    chownSync(path, 0, 4242);
    chmodSync(path, 0o2777);
    await new OutputDirectory(path, { mode: 0o640, now }).write(svidFiles());
    for (const name of ['..data', ...NAMES]) t.match(statSync(join(path, name)), { uid: 0, gid: 4242 }, name);
  },
);

t.test(
  'no other user can read the key: not by the name, and not by the directory',
  {
    skip: (!isRoot && 'not root') || (spawnSync('setpriv', ['--version']).error !== undefined && 'no setpriv'),
  },
  async (t) => {
    const path = shortDir(t);
    chmodSync(path, 0o755);
    await new OutputDirectory(path, { mode: 0o640, now, owner: { gid: 4242 } }).write(svidFiles());
    const readAs = (uid: number, gid: number) => {
      const as = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', 'cat', join(path, 'key.pem')];
      return spawnSync('setpriv', as, { encoding: 'utf8' });
    };
    t.match(readAs(65534, 65534).stderr, /Permission denied/);
    t.match(readAs(65534, 4242).stdout, /PRIVATE KEY/, 'a member of the group can');
  },
);

t.test('a reader that follows ..data once never sees files of two SVIDs', async (t) => {
  const path = shortDir(t);
  const directory = new OutputDirectory(path, { mode: 0o600, now });
  const sets = Array.from({ length: 8 }, svidFiles);
  await directory.write(sets[0] ?? svidFiles());
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const reader = new Worker(fileURLToPath(new URL('../../support/output-reader.js', import.meta.url)), {
    workerData: { directory: path, progress },
  });
  t.teardown(() => reader.terminate());
  await once(reader, 'message');
  // The thread of the reader has as much time as it needs on a busy machine.
  const hasSeenEnough = (): boolean => Number(progress[0]) > 10 && Number(progress[1]) > 1;
  for (let round = 0; round < 40 || !hasSeenEnough(); round += 1) for (const set of sets) await directory.write(set);
  reader.postMessage('stop');
  const [seen] = await once(reader, 'message');
  t.strictSame(seen.mismatches, []);
  t.ok(seen.reads > 10, `${seen.reads} reads`);
  t.ok(seen.sets > 1, `${seen.sets} of ${sets.length} sets seen`);
});

t.test(
  'two agents that write at a time, as in a takeover, leave whole sets, and ..data never leads nowhere',
  async (t) => {
    const path = shortDir(t);
    const sets = [svidFiles(), svidFiles(), svidFiles()];
    const writer = async (): Promise<void> => {
      const directory = new OutputDirectory(path, { mode: 0o600, now });
      for (let round = 0; round < 30; round += 1) for (const set of sets) await directory.write(set);
    };
    await new OutputDirectory(path, { mode: 0o600, now }).write(svidFiles());
    const reader = new Worker(fileURLToPath(new URL('../../support/output-reader.js', import.meta.url)), {
      workerData: { directory: path },
    });
    t.teardown(() => reader.terminate());
    await once(reader, 'message');
    await Promise.all([writer(), writer()]);
    reader.postMessage('stop');
    const [seen] = await once(reader, 'message');
    t.strictSame(seen.mismatches, []);
    t.equal(mismatchOf(readByName(path)), undefined);
    await new OutputDirectory(path, { mode: 0o600, now: () => Date.now() + 61_000 }).write(svidFiles());
    t.equal(entriesOf(path).length, 5, 'and what they have left goes');
  },
);

t.test('where it cannot be written the error has the reason of the system', async (t) => {
  const directory = shortDir(t);
  writeFileSync(join(directory, 'file'), '');
  const cases = [
    { path: join(directory, 'file'), reason: /got file already exists \(EEXIST\)/ },
    { path: join(directory, 'file', 'below'), reason: /got not a directory \(ENOTDIR\)/ },
    { path: '/proc/none', reason: /got no such file or directory \(ENOENT\)/ },
  ];
  for (const { path, reason } of cases) {
    const output = new OutputDirectory(path, { mode: 0o600, now });
    await t.rejects(output.write(svidFiles()), { code: 'ERR_OUTPUT_FAILED', message: reason }, path);
    t.equal(await output.isComplete(), false);
  }
});

t.test(
  'a full and a read-only file system keep the files that were there',
  { skip: !canMount && 'no mount' },
  async (t) => {
    const path = shortDir(t);
    const script = fileURLToPath(new URL('../../support/output-on-small-disk.js', import.meta.url));
    const shell = 'mount -t tmpfs -o size=32k none "$1" && exec "$2" "$3" "$1"';
    const args = ['-m', 'sh', '-c', shell, 'sh', path, process.execPath, script];
    const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    t.equal(stderr, '');
    t.strictSame(JSON.parse(stdout), {
      inMemory: true,
      full: `output directory ${path}: got no space left on device (ENOSPC), expected a directory that can be written`,
      keptWhenFull: true,
      leftWhenFull: 0,
      writtenWhenThereIsRoom: true,
      readOnly: `output directory ${path}: got read-only file system (EROFS), expected a directory that can be written`,
      keptWhenReadOnly: true,
    });
  },
);

t.test('a removed name makes it incomplete', async (t) => {
  const path = shortDir(t);
  const directory = new OutputDirectory(path, { mode: 0o600, now });
  await directory.write(svidFiles());
  t.equal(await directory.isComplete(), true);
  execFileSync('rm', ['-r', join(path, readlinkSync(join(path, '..data')))]);
  t.equal(await directory.isComplete(), false);
  await directory.write(svidFiles());
  t.equal(await directory.isComplete(), true);
  t.ok(readAtOnce(path));
});
