import t from 'tap';
import { fileNameOf, workloadNameOf } from '../../../src/agent/secrets/secret-names.js';
import { COMMANDS, readConfig } from '../../../src/config/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { seededRandom } from '../../support/prng.js';

const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
const names = { certificate: ['default', 'x'], bundle: ['ROOTCA'], allBundles: ['ALL'], sessionTicketKeys: 'tickets' };

const meanings = [
  { name: 'default', want: 'certificate' },
  { name: 'x', want: 'certificate' },
  { name: 'spiffe://cluster.local/ns/foo/sa/sleep', want: 'certificate' },
  { name: 'ROOTCA', want: 'bundle' },
  { name: 'spiffe://cluster.local', want: 'bundle' },
  { name: 'ALL', want: 'all-bundles' },
  { name: 'tickets', want: 'session-ticket-keys' },
  { name: 'spiffe://other.example', want: { federatedDomain: 'other.example' } },
  { name: 'Default', want: undefined },
  { name: '', want: undefined },
];
for (const { name, want } of meanings) {
  t.test(`${JSON.stringify(name)} means ${JSON.stringify(want) ?? 'nothing'}`, async (t) => {
    t.same(workloadNameOf(name, { spiffeId, trustDomain: spiffeId.trustDomain, names }), want);
  });
}

t.test('a workload whose SPIFFE ID is not known has the other names all the same', async (t) => {
  const unknown = { spiffeId: undefined, trustDomain: spiffeId.trustDomain, names };
  t.equal(workloadNameOf('default', unknown), 'certificate');
  t.equal(workloadNameOf('spiffe://cluster.local', unknown), 'bundle');
  t.strictSame(workloadNameOf(spiffeId.toString(), unknown), { federatedDomain: 'cluster.local/ns/foo/sa/sleep' });
});

const files = [
  {
    name: 'file-cert:/a/c.pem~/a/k.pem',
    want: { kind: 'certificate', certificate: '/a/c.pem', privateKey: '/a/k.pem' },
  },
  { name: 'file-cert:/a/c.pem', want: undefined },
  { name: 'file-cert:/a~/b~/c', want: undefined },
  { name: 'file-cert:~/b', want: undefined },
  { name: 'file-cert:/a~', want: undefined },
  { name: 'file-root:/a/r.pem', want: { kind: 'bundle', path: '/a/r.pem' } },
  { name: 'file-key:/a', want: undefined },
];
for (const { name, want } of files) {
  t.test(`${name} means ${want === undefined ? 'no files' : 'its files'}`, async (t) => {
    t.same(fileNameOf(name), want);
  });
}

t.test(
  'row 42: in any configuration that is taken, a name has one kind; in any other, two options claim it',
  async (t) => {
    const random = seededRandom(42);
    const pool = ['default', 'ROOTCA', 'ALL', 'a', 'b', 'c', 'd'];
    const flags = ['certificate-name', 'bundle-name', 'all-bundles-name', 'session-ticket-keys-name'] as const;
    const some = (max: number): string[] =>
      Array.from({ length: Math.floor(random() * (max + 1)) }, () => pool[Math.floor(random() * pool.length)] ?? '');
    const outcomes = { ok: 0, invalid: 0 };
    for (let round = 0; round < 500; round += 1) {
      const given = flags.map((flag) => ({ flag, values: some(flag === 'session-ticket-keys-name' ? 1 : 2) }));
      const args = given.flatMap(({ flag, values }) => values.map((value) => `--${flag}=${value}`));
      const result = readConfig(COMMANDS.agent, {
        args: ['--ca-address=ca:1', '--mode=node', ...args],
        environment: {},
        files: { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) },
      });
      const defaults = { 'certificate-name': 'default', 'bundle-name': 'ROOTCA', 'all-bundles-name': 'ALL' } as const;
      const claims = given.flatMap(({ flag, values }) =>
        values.length === 0 && flag in defaults ? [defaults[flag as keyof typeof defaults]] : values,
      );
      const isUnique = new Set(claims).size === claims.length;
      if ((result.kind === 'ok') !== isUnique) t.fail(`${args}: ${JSON.stringify(result)}`);
      outcomes[isUnique ? 'ok' : 'invalid'] += 1;
    }
    t.ok(outcomes.ok > 50 && outcomes.invalid > 50, JSON.stringify(outcomes));
  },
);
