import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createFileTokenSource } from '../../../src/agent/identity/index.js';

const NOW = Date.UTC(2030, 0, 1);

function token(name: string, expiresAtMs = NOW + 3600_000): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ jti: name, exp: expiresAtMs / 1000 })}.c2ln`;
}

t.test('the token is read without the white space around it', async (t) => {
  const path = join(t.testdir({ token: `  ${token('a')}\r\n` }), 'token');
  t.equal((await createFileTokenSource(path, () => NOW).read()).toString(), token('a'));
});

t.test('row 51: a token that the kubelet swaps in is seen at the next read', async (t) => {
  const directory = t.testdir({});
  const publish = (version: string, content: string): void => {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, 'token'), content);
    symlinkSync(version, join(directory, '..data_tmp'));
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  };
  publish('..2030_01', token('first'));
  symlinkSync(join('..data', 'token'), join(directory, 'token'));
  const source = createFileTokenSource(join(directory, 'token'), () => NOW);
  t.equal((await source.read()).toString(), token('first'));
  for (const name of ['second', 'third']) {
    publish(`..2030_${name}`, token(name));
    t.equal((await source.read()).toString(), token(name));
  }
});

t.test('row 51: what cannot be a good token is refused, naming the file where it is the file', async (t) => {
  const directory = t.testdir({
    empty: '\n',
    garbage: 'hello',
    expired: token('old', NOW - 3600_000),
    folder: {},
  });
  const read = (name: string): Promise<Buffer> => createFileTokenSource(join(directory, name), () => NOW).read();
  await t.rejects(read('missing'), {
    code: 'ERR_TOKEN_MISSING',
    message: /missing: got no such file or directory \(ENOENT\), expected a readable file/,
  });
  await t.rejects(read('folder'), {
    code: 'ERR_TOKEN_MISSING',
    message: /folder: got a directory, expected a regular file/,
  });
  await t.rejects(read('empty'), { code: 'ERR_TOKEN_MISSING' });
  await t.rejects(read('garbage'), { code: 'ERR_TOKEN_MALFORMED' });
  await t.rejects(read('expired'), {
    code: 'ERR_TOKEN_EXPIRED',
    message: 'token has expired 3600 s ago, expected one that is valid',
  });
});

t.test('a token may begin with a byte order mark, and UTF-16 is named', async (t) => {
  const directory = t.testdir({ marked: `\ufeff${token('a')}`, wide: Buffer.from(token('a'), 'utf16le') });
  const read = (name: string): Promise<Buffer> => createFileTokenSource(join(directory, name), () => NOW).read();
  t.equal((await read('marked')).toString(), token('a'));
  await t.rejects(read('wide'), { code: 'ERR_TOKEN_MALFORMED', message: /wide: got UTF-16, expected ASCII/ });
});
