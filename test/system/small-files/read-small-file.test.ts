import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { IdentityError } from '../../../src/errors/index.js';
import { readIfThere, readSmallFile } from '../../../src/system/small-files/index.js';
import { shortDir } from '../../support/short-dir.js';

const OPTIONS = { code: 'ERR_SECRET_FILE_INVALID', maxBytes: 100 } as const;
const read = (path: string) => readSmallFile(path, { ...OPTIONS, what: `file ${path}` });

t.test('a file is read whole, and one that may be missing is read if it is there', async (t) => {
  const path = join(t.testdir({ file: 'content' }), 'file');
  const first = await read(path);
  t.equal(first.content.toString(), 'content');
  t.equal(first.content.buffer.byteLength, first.content.length, 'memory of its own, to be wiped');
  const ifThere = (name: string) => readIfThere(name, { ...OPTIONS, what: `file ${name}` });
  t.same(await ifThere(path), first);
  t.equal(await ifThere(`${path}-missing`), undefined);
});

t.test('what cannot be read is told by the reason of the system, or by what is there instead', async (t) => {
  const directory = shortDir(t);
  const at = (name: string) => join(directory, name);
  writeFileSync(at('large'), 'x'.repeat(101));
  writeFileSync(at('file'), '');
  mkdirSync(at('folder'));
  symlinkSync(at('loop'), at('loop'));
  execFileSync('mkfifo', [at('pipe')]);
  const server = createServer().listen(at('socket'));
  t.teardown(() => server.close());
  const refused = {
    missing: 'no such file or directory (ENOENT), expected a readable file',
    'file/below': 'not a directory (ENOTDIR), expected a readable file',
    loop: /got too many symbolic links encountered \(ELOOP\), expected a readable file$/,
    folder: 'a directory, expected a regular file',
    pipe: 'a pipe, expected a regular file',
    large: '101 bytes, expected at most 100',
    ['n'.repeat(300)]: /\(ENAMETOOLONG\)/,
    socket: /socket/,
  };
  for (const [name, message] of Object.entries(refused)) {
    const whole = typeof message === 'string' ? `file ${at(name)}: got ${message}` : message;
    await t.rejects(read(at(name)), { code: 'ERR_SECRET_FILE_INVALID', message: whole }, name.slice(0, 20));
  }
  await t.rejects(read('/dev/null'), { message: 'file /dev/null: got a device, expected a regular file' });
});

t.test(
  'a refusal of permission tells who was refused',
  { skip: process.getuid?.() !== 0 && 'root alone can be another' },
  async (t) => {
    const path = join(shortDir(t), 'key');
    writeFileSync(path, 'secret');
    chmodSync(path, 0o600);
    const module = fileURLToPath(new URL('../../../src/system/small-files/index.js', import.meta.url));
    const script = `import { readSmallFile } from ${JSON.stringify(module)};
    await readSmallFile(process.argv[1], { what: 'key', code: 'ERR_SECRET_FILE_INVALID', maxBytes: 9 })
      .catch((error) => console.log(error.message));`;
    chmodSync(join(path, '..'), 0o755);
    const args = ['--input-type=module', '-e', script, path];
    const { stdout, stderr } = spawnSync(process.execPath, args, { uid: 65_534, gid: 65_534, encoding: 'utf8' });
    t.equal(stdout, 'key: got permission denied (EACCES) as uid 65534, gid 65534, expected a readable file\n', stderr);
  },
);

t.test('the place that is judged is that of the file that is read', async (t) => {
  const directory = t.testdir({ real: { file: 'content' } });
  symlinkSync(join(directory, 'real'), join(directory, 'link'));
  const places: string[] = [];
  const path = join(directory, 'link', 'file');
  const { content } = await readSmallFile(path, {
    ...OPTIONS,
    what: 'file',
    admit: (place) => void places.push(place),
  });
  t.equal(content.toString(), 'content');
  t.strictSame(places, [join(directory, 'real', 'file')]);
  const refuse = () => {
    throw new IdentityError('ERR_SECRET_FILE_INVALID', 'elsewhere');
  };
  await t.rejects(readSmallFile(path, { ...OPTIONS, what: 'file', admit: refuse }), { message: 'elsewhere' });
});

t.test('a file that takes the place of another while that is judged is not read', async (t) => {
  const directory = t.testdir({ allowed: { file: 'allowed' }, outside: { file: 'outside' } });
  const link = join(directory, 'link');
  symlinkSync(join(directory, 'allowed'), link);
  const swap = () => {
    symlinkSync(join(directory, 'outside'), `${link}.new`);
    renameSync(`${link}.new`, link);
  };
  const { content } = await readSmallFile(join(link, 'file'), { ...OPTIONS, what: 'file', admit: swap });
  t.equal(content.toString(), 'allowed');
  linkSync(join(directory, 'outside', 'file'), join(directory, 'new'));
  const replace = () => renameSync(join(directory, 'new'), join(directory, 'allowed', 'file'));
  const path = join(directory, 'allowed', 'file');
  t.equal((await readSmallFile(path, { ...OPTIONS, what: 'file', admit: replace })).content.toString(), 'allowed');
});

t.test('a pipe or a device that stands where a file was is neither waited for nor opened', async (t) => {
  const directory = shortDir(t);
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  const options = { ...OPTIONS, what: 'file', admit: () => {} };
  await t.rejects(readSmallFile(join(directory, 'pipe'), options), { message: /got a pipe/ });
  await t.rejects(readSmallFile('/dev/zero', options), { message: /got a device/ });
});
