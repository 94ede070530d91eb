import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { authorityKeyOf } from '../../../src/pki/x509/index.js';
import { shortDir } from '../../support/short-dir.js';

t.test('the key that has signed a leaf is told as openssl tells it', async (t) => {
  const file = (name: string): string => join(shortDirectory, name);
  const shortDirectory = shortDir(t);
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
  const key = (name: string): string[] => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    name,
  ];
  openssl('req', '-x509', ...key(file('ca.key')), '-subj', '/O=ca', '-out', file('ca.pem'));
  const ca = ['-CA', file('ca.pem'), '-CAkey', file('ca.key')];
  openssl('req', '-x509', ...key(file('leaf.key')), ...ca, '-subj', '/O=leaf', '-out', file('leaf.pem'));
  const [leaf, above] = [readFileSync(file('leaf.pem')), readFileSync(file('ca.pem'))];
  const shown = openssl('x509', '-in', file('leaf.pem'), '-noout', '-ext', 'authorityKeyIdentifier');
  const [, hex = ''] = /((?:[0-9A-F]{2}:){19}[0-9A-F]{2})/.exec(shown) ?? [];
  t.equal(hex.length, 59);
  t.ok(authorityKeyOf(Buffer.concat([leaf, above])).endsWith(hex.replaceAll(':', '').toLowerCase()));
  t.equal(authorityKeyOf(leaf), authorityKeyOf(Buffer.concat([leaf, above])));
  const without = ['-addext', 'authorityKeyIdentifier=none', '-subj', '/O=none'];
  openssl('req', '-x509', ...key(file('none.key')), ...without, '-out', file('none.pem'));
  for (const [name, pem] of Object.entries({
    without: readFileSync(file('none.pem')),
    nothing: Buffer.alloc(0),
    cut: leaf.subarray(0, 300),
    open: leaf.subarray(0, 27),
  }))
    t.equal(authorityKeyOf(pem), '', name);
});
