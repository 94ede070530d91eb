import t from 'tap';
import { type FlagTerms, IssuingPolicy, readPolicyBytes } from '../../../src/citadel/policy/index.js';
import { NamePattern } from '../../../src/citadel/policy/name-pattern.js';
import { SpiffeId, TrustDomain } from '../../../src/pki/spiffe/index.js';

const trustDomain = TrustDomain.parse('cluster.local');
const HOUR_MS = 3_600_000;
const flags: FlagTerms = {
  ...{ defaultTtlMs: 24 * HOUR_MS, maxTtlMs: 72 * HOUR_MS, bindsToToken: false },
  dnsNames: new Map([['/ns/foo/sa/web', ['web.foo.svc']]]),
};

async function policyOf(text: string): Promise<IssuingPolicy> {
  const read = await readPolicyBytes(Buffer.from(text), { trustDomain, serverNames: [] });
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  return new IssuingPolicy(flags, read.rules);
}

const id = (namespace: string, account: string): SpiffeId =>
  SpiffeId.forServiceAccount(trustDomain, namespace, account);

t.test('without a file the flags are the terms', (t) => {
  t.match(new IssuingPolicy(flags).termsFor(id('foo', 'web')), {
    ttl: { defaultTtlMs: 24 * HOUR_MS, minTtlMs: undefined, maxTtlMs: 72 * HOUR_MS, outside: 'refuse' },
    ...{ keyTypes: undefined, dnsNames: ['web.foo.svc'], csr: 'any', bindsToToken: false },
    from: { 'ttl.max': '--max-ttl', keyTypes: 'no rule', dnsNames: '--dns-name' },
  });
  t.end();
});

const LAYERS = `
defaults: { ttl: { max: 10h }, bindToToken: true, csr: strict }
rules:
  - { namespace: "*", serviceAccount: web, ttl: { max: 9h }, keyTypes: [rsa-2048] }
  - { namespace: "team-*", ttl: { max: 8h } }
  - { namespace: "team-a*", ttl: { max: 7h } }
  - { namespace: team-a, serviceAccount: "*", ttl: { max: 6h } }
  - { namespace: team-a, serviceAccount: "w*", ttl: { max: 5h }, csr: any }
  - { namespace: team-a, serviceAccount: web, ttl: { max: 4h } }
`;

const layers = [
  { namespace: 'foo', account: 'api', hours: 10, from: 'defaults' },
  { namespace: 'foo', account: 'web', hours: 9, from: 'rules[0]' },
  { namespace: 'team-b', account: 'web', hours: 8, from: 'rules[1]' },
  { namespace: 'team-ab', account: 'web', hours: 7, from: 'rules[2]' },
  { namespace: 'team-a', account: 'api', hours: 6, from: 'rules[3]' },
  { namespace: 'team-a', account: 'worker', hours: 5, from: 'rules[4]' },
  { namespace: 'team-a', account: 'web', hours: 4, from: 'rules[5]' },
];
for (const { namespace, account, hours, from } of layers) {
  t.test(`of ${namespace}/${account} the most specific rule counts`, async (t) => {
    const terms = (await policyOf(LAYERS)).termsFor(id(namespace, account));
    t.equal(terms.ttl.maxTtlMs, hours * HOUR_MS);
    t.equal(terms.from['ttl.max'], from);
  });
}

t.test('each term is that of the most specific rule that has it', async (t) => {
  const { keyTypes, csr, bindsToToken, from } = (await policyOf(LAYERS)).termsFor(id('team-a', 'web'));
  t.same({ keyTypes, csr, bindsToToken }, { keyTypes: ['rsa-2048'], csr: 'any', bindsToToken: true });
  t.match(from, { keyTypes: 'rules[0]', csr: 'rules[4]', bindToToken: 'defaults', 'ttl.default': '--default-ttl' });
});

t.test('of two rules that are equally specific the first counts', async (t) => {
  const policy = await policyOf('rules: [{ namespace: "a*", csr: strict }, { namespace: "*a", csr: any }]');
  t.equal(policy.termsFor(id('aba', 'x')).csr, 'strict');
});

t.test('an identity that is of no service account has the terms of the defaults', async (t) => {
  const policy = await policyOf(LAYERS);
  t.equal(policy.termsFor(SpiffeId.parse('spiffe://cluster.local/vm/db')).from['ttl.max'], 'defaults');
});

t.test('DNS names of flags and of a rule are given together', async (t) => {
  const policy = await policyOf('rules: [{ namespace: foo, serviceAccount: web, dnsNames: [a.example, web.foo.svc] }]');
  t.same(policy.termsFor(id('foo', 'web')).dnsNames, ['web.foo.svc', 'a.example']);
});

const patterns = [
  { pattern: 'a', matches: ['a'], others: ['', 'aa', 'b'] },
  { pattern: '*', matches: ['', 'a', 'a-b.c'], others: [] },
  { pattern: 'a*', matches: ['a', 'ab'], others: ['ba', ''] },
  { pattern: '*a', matches: ['a', 'ba'], others: ['ab'] },
  { pattern: 'a*a', matches: ['aa', 'aba'], others: ['a', 'ab'] },
  { pattern: 'a*b*c', matches: ['abc', 'a-b-c', 'abbc', 'abcbc'], others: ['acb', 'ac', 'ab'] },
  { pattern: 'a**c', matches: ['ac', 'abc'], others: ['a'] },
  { pattern: 'a.b', matches: ['a.b'], others: ['axb'] },
  { pattern: '*ab*ab', matches: ['abab', 'xabyab'], others: ['ab', 'aab'] },
];
for (const { pattern, matches, others } of patterns) {
  t.test(`the pattern ${pattern}`, (t) => {
    const compiled = new NamePattern(pattern);
    for (const name of matches) t.ok(compiled.matches(name), `matches ${name}`);
    for (const name of others) t.notOk(compiled.matches(name), `does not match ${name}`);
    t.end();
  });
}
