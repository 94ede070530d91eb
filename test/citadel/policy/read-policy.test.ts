import t from 'tap';
import { readPolicyBytes } from '../../../src/citadel/policy/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';

const context = { trustDomain: TrustDomain.parse('cluster.local'), serverNames: ['istiod.istio-system.svc'] };

async function problemsOf(text: string | Buffer): Promise<readonly string[]> {
  const read = await readPolicyBytes(Buffer.from(text), context);
  return read.kind === 'ok' ? [] : read.problems;
}

const FULL = `
trustDomain: cluster.local
trustDomainAliases: [old.example]
defaults:
  ttl: { default: 24h, min: 10m, max: 72h, outside: clamp }
  keyTypes: [ec-p256, ec-p384]
  csr: strict
  bindToToken: false
rules:
  - name: webhooks
    namespace: istio-system
    serviceAccount: sidecert-injector
    dnsNames: [sidecert-injector.istio-system.svc]
  - namespace: "team-*"
    ttl: { max: 1h }
`;

t.test('a policy of all keys is good', async (t) => {
  const read = await readPolicyBytes(Buffer.from(FULL), context);
  t.match(read, {
    kind: 'ok',
    rules: {
      trustDomainAliases: [{ name: 'old.example' }],
      defaults: { 'ttl.default': 86_400_000, 'ttl.min': 600_000, 'ttl.max': 259_200_000, 'ttl.outside': 'clamp' },
      rules: [{ name: 'rules[0] (webhooks)' }, { name: 'rules[1]', values: { 'ttl.max': 3_600_000 } }],
    },
  });
});

t.test('JSON is good, and a byte order mark in front of it', async (t) => {
  t.same(await problemsOf('\ufeff{"defaults": {"csr": "any"}, "rules": []}'), []);
});

t.test('all that is wrong is told at once, with path, value and what was expected', async (t) => {
  const problems = await problemsOf(`
trustDomain: other.local
trustDomainAliases: [cluster.local, "Not A Domain"]
defaults:
  ttl: { default: 5x, max: 1s }
  dnsNames: [a.example]
  keyTypes: []
  bindToToken: "yes"
rule: []
rules:
  - serviceAccount: "*"
    csr: lax
  - namespace: Team
    ttl: { min: 2h, max: 1h, maximum: 3h }
  - namespace: "team-*"
    dnsNames: [a.example]
  - namespace: foo
  - namespace: foo
    serviceAccount: bar
    keyTypes: [rsa-1024]
    dnsNames: ["*.example", istiod.istio-system.svc, 7]
  - namespace: foo
    serviceAccount: bar
    csr: any
`);
  t.same(problems, [
    'policy: got the unknown key "rule", expected keys of trustDomain, trustDomainAliases, defaults, rules; did you mean rules?',
    'trustDomain: got "other.local", expected cluster.local, as --trust-domain',
    'trustDomainAliases[0]: got "cluster.local", expected another trust domain than cluster.local',
    'trustDomainAliases[1]: got "Not A Domain", expected another trust domain than cluster.local',
    'rules[0].namespace: got nothing, expected a namespace, or a pattern of some such as "team-*"',
    'rules[0].csr: got "lax", expected one of any, strict',
    'rules[1].namespace: got "Team", expected a Kubernetes name of a-z, 0-9, "-" and ".", in which * stands for any characters',
    'rules[1].ttl: got the unknown key "maximum", expected keys of default, min, max, outside',
    'rules[1].ttl.min: got 7200 s, expected at most the 3600 s of ttl.max',
    'rules[2].dnsNames: got a value for team-*/*, expected one whole namespace and service account, without *',
    'rules[3]: got a rule that sets nothing, expected one of ttl, keyTypes, dnsNames, csr, bindToToken',
    'rules[4].keyTypes[0]: got "rsa-1024", expected one of ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096',
    'rules[4].dnsNames[0]: got "*.example", expected a DNS name in small letters, without *',
    'rules[4].dnsNames[1]: got "istiod.istio-system.svc", expected no name of Citadel itself (--server-name)',
    'rules[4].dnsNames[2]: got 7, expected a DNS name in small letters, without *',
    'rules[5]: got foo/bar, as rules[4] has it, expected one rule for each of them',
    'defaults.dnsNames: got a value, expected none: a DNS name belongs to one service account',
    'defaults.ttl.default: got "5x", expected a duration such as 24h, 1h30m or 90s, from 5s to 876000h',
    'defaults.ttl.max: got "1s", expected a duration such as 24h, 1h30m or 90s, from 5s to 876000h',
    'defaults.keyTypes: got an empty list, expected at least one key type',
    'defaults.bindToToken: got "yes", expected true or false',
  ]);
});

const notPolicies = [
  { name: 'an empty file', text: '', says: /^policy: got null, expected a mapping/ },
  { name: 'a list', text: '[]', says: /^policy: got \[\], expected a mapping/ },
  { name: 'no YAML', text: 'rules: [', says: /^line 1, column \d+: got no YAML/ },
  { name: 'a key twice', text: 'rules: []\nrules: []', says: /^line 2, column 1: got no YAML \(DUPLICATE_KEY/ },
  { name: 'two documents', text: 'rules: []\n---\nrules: []', says: /MULTIPLE_DOCS/ },
  { name: 'an alias', text: 'a: &a [1]\nb: *a', says: /^policy: got an alias/ },
  { name: 'UTF-16', text: Buffer.from('\ufeffrules: []', 'utf16le'), says: /UTF-16/ },
  { name: 'null in place of rules', text: 'rules:', says: /^rules: got null, expected a list/ },
  { name: 'a prototype', text: '{"__proto__": {"rules": []}}', says: /unknown key "__proto__"/ },
];
for (const { name, text, says } of notPolicies) {
  t.test(`${name} is no policy`, async (t) => {
    const [first, ...more] = await problemsOf(text);
    t.match(first, says);
    t.same(more, []);
  });
}

t.test('a name that the signing certificate may not issue is told with the reason', async (t) => {
  const text = 'rules: [{ namespace: foo, serviceAccount: bar, dnsNames: [a.example] }]';
  const dnsNameProblem = () => 'its name constraints permit b.example alone';
  const read = await readPolicyBytes(Buffer.from(text), { ...context, dnsNameProblem });
  t.match(read, { problems: [/a name that can be issued: its name constraints permit b.example alone/] });
});
