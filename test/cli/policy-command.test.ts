import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { foreignCsr } from '../support/foreign-csr.js';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

const POLICY = `
defaults: { ttl: { max: 12h } }
rules:
  - { name: web, namespace: foo, serviceAccount: "s*", ttl: { default: 1h }, keyTypes: [ec-p256] }
`;

function files(t: Test, contents: Readonly<Record<string, string>>) {
  const directory = shortDir(t);
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(directory, name), content);
  return (args: readonly string[], input = '') => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'policy', ...args], {
      ...{ cwd: directory, input, encoding: 'utf8' },
    });
    return { status, stdout, stderr };
  };
}

t.test('a good policy passes the check', (t) => {
  const policy = files(t, { 'policy.yaml': POLICY });
  t.same(policy(['check', 'policy.yaml']), { status: 0, stdout: 'policy.yaml: good, rules: 1\n', stderr: '' });
  t.end();
});

t.test('all that is wrong with a policy has a line', (t) => {
  const policy = files(t, { 'policy.yaml': 'defaults: { csr: lax }\nrules: 7' });
  t.same(policy(['check', '--policy', 'policy.yaml']), {
    ...{ status: 1, stdout: '' },
    stderr:
      'policy.yaml: rules: got 7, expected a list of at most 10000\npolicy.yaml: defaults.csr: got "lax", expected one of any, strict\n',
  });
  t.end();
});

t.test('a test tells what a token would get, and by which rule', async (t) => {
  const token = await new TokenIssuer().token('foo', 'sleep');
  const policy = files(t, { 'policy.yaml': POLICY, token });
  const { status, stdout } = policy(['test', '--policy', 'policy.yaml', '--token', 'token']);
  t.equal(status, 0);
  t.same(stdout.split('\n'), [
    'identity      spiffe://cluster.local/ns/foo/sa/sleep  of the token',
    'ttl.default   3600 s                        rules[0] (web)',
    'ttl.min       none                          no rule',
    'ttl.max       43200 s                       defaults',
    'ttl.outside   refuse                        no rule',
    'keyTypes      ec-p256                       rules[0] (web)',
    'dnsNames      none                          --dns-name',
    'csr           any                           no rule',
    'bindToToken   false                         --bind-to-token',
    'life: 3600 s',
    'a certificate would be issued',
    '',
  ]);
});

t.test('a test with a token on the standard input and a CSR that the policy refuses', async (t) => {
  const token = await new TokenIssuer().token('foo', 'sleep', { exp: 1_700_000_000 });
  const policy = files(t, { 'policy.yaml': POLICY, 'request.pem': foreignCsr({ key: 'P-384' }) });
  const args = ['test', 'policy.yaml', '--token', '-', '--csr', 'request.pem', '--ttl', '24h'];
  const { status, stdout } = policy(args, `${token}\n`);
  t.equal(status, 1);
  t.same(stdout.split('\n').slice(9), [
    'token: has expired at 2023-11-14T22:13:20.000Z',
    'life: refused: requested ttl: got 86400 s, expected at most 43200 s',
    'CSR: refused: CSR public key: got ec-p384, expected ec-p256 (rules[0] (web))',
    'no certificate would be issued',
    '',
  ]);
  t.notMatch(stdout, token.split('.')[1]);
});

const wrong = [
  { name: 'no command', args: [], status: 2, says: /got "policy", expected one of policy check, policy test/ },
  {
    name: 'another command',
    args: ['apply'],
    status: 2,
    says: /got "policy apply", expected one of policy check, policy test/,
  },
  { name: 'no file', args: ['check'], status: 2, says: /--policy: got nothing/ },
  { name: 'a file that is missing', args: ['check', 'no.yaml'], status: 2, says: /got "no.yaml": no such file/i },
  {
    ...{ name: 'garbage for a token', args: ['test', 'policy.yaml', '--token', 'policy.yaml'], status: 1 },
    says: /ERR_TOKEN_MALFORMED/,
  },
];
for (const { name, args, status, says } of wrong) {
  t.test(`${name} is refused`, (t) => {
    const result = files(t, { 'policy.yaml': POLICY })(args);
    t.equal(result.status, status);
    t.match(result.stderr, says);
    t.end();
  });
}
