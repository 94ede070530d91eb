import t from 'tap';
import { AnswerForm } from '../../../src/agent/ca-client/answer-form.js';
import { IMPLEMENTATIONS } from '../../hotpath/implementations.js';
import { codeOf, ecKeys, pkcs8 } from '../../hotpath/pki.js';
import { TestCa } from '../../support/test-ca.js';

const ca = TestCa.root();
const outer = ca.intermediate('outer');
const inner = outer.intermediate('inner');
const leaf = String(inner.leaf(ecKeys(), { uris: ['spiffe://cluster.local/ns/foo/sa/sleep'] }));
const [root, outerPem, innerPem] = [ca, outer, inner].map(({ certificatePem }) => String(certificatePem)) as [
  string,
  string,
  string,
];
const otherRoot = String(TestCa.root('another root').certificatePem);

const cut = (elements: readonly string[], form = new AnswerForm()) =>
  form.cut(elements.map((element) => Buffer.from(element)));

const accepted = [
  { name: 'leaf and root', elements: [leaf, root], chain: [leaf], bundle: [root] },
  {
    name: 'one certificate per element',
    elements: [leaf, innerPem, outerPem, root],
    chain: [leaf, innerPem, outerPem],
    bundle: [root],
  },
  {
    name: 'elements without a newline at their end',
    elements: [leaf, innerPem, outerPem, root].map((pem) => pem.trimEnd()),
    chain: [leaf, innerPem, outerPem],
    bundle: [root],
  },
  {
    name: 'several certificates in one element',
    elements: [leaf + innerPem + outerPem, root + otherRoot],
    chain: [leaf, innerPem, outerPem],
    bundle: [root, otherRoot],
  },
  {
    name: 'a root inside the chain, which the proof of the path leaves out',
    elements: [leaf, innerPem, outerPem, root, root],
    chain: [leaf, innerPem, outerPem, root],
    bundle: [root],
  },
  {
    name: 'text between the certificates',
    elements: [`# leaf\n${leaf}`, `# roots\n${root}\n# more\n${otherRoot}`],
    chain: [leaf],
    bundle: [root, otherRoot],
  },
];

for (const { name, elements, chain, bundle } of accepted) {
  t.test(`an answer of ${name} is cut into chain and bundle`, async (t) => {
    const answer = cut(elements);
    t.same(blocks(answer.chainPem), chain.flatMap(blocks));
    t.same(blocks(answer.bundlePem), bundle.flatMap(blocks));
  });
}

const refused = [
  { name: 'no element', elements: [] },
  { name: 'one element', elements: [leaf + root] },
  { name: 'an empty leaf', elements: ['', root] },
  { name: 'an empty bundle', elements: [leaf, ''] },
  { name: 'an empty element between', elements: [leaf, '\n', root] },
  { name: 'an intermediate without its end', elements: [leaf, innerPem.slice(0, 200), root] },
  { name: 'more elements than any chain has', elements: [leaf, ...Array<string>(40).fill(innerPem), root] },
  { name: 'a chain above 64 kB', elements: [leaf + ' '.repeat(65_536), root] },
  { name: 'more roots than any mesh has', elements: [leaf, root.repeat(101)] },
  { name: 'more certificates in an element than any chain has', elements: [leaf, innerPem.repeat(33), root] },
  { name: 'a bundle above 1 MB', elements: [leaf, root + ' '.repeat(1_048_576)] },
];

for (const { name, elements } of refused) {
  t.test(`an answer with ${name} is refused`, async (t) => {
    t.equal(
      codeOf(() => cut(elements)),
      'ERR_CA_RESPONSE_INVALID',
    );
  });
}

const undecodable = '-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n';
const keyPem = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

t.test('what stands inside a block is taken over as it is, for the proof of the path to read', async (t) => {
  const { chainPem, bundlePem } = cut([leaf + undecodable.replaceAll('\n', '\r\n'), undecodable]);
  t.equal(chainPem.toString(), leaf + undecodable.replace('A\n', 'A\r\n'));
  t.equal(bundlePem.toString(), undecodable);
});

for (const { kind, seal } of IMPLEMENTATIONS) {
  t.test(`a block of an answer that does not decode is refused by the ${kind} proof`, async (t) => {
    const keys = ecKeys();
    const uri = 'spiffe://cluster.local/ns/foo/sa/sleep';
    const own = String(inner.leaf(keys, { uris: [uri] }));
    const outcome = (elements: readonly string[]): string => {
      const times = { nowMs: Date.now(), minLifeMs: 1 };
      return codeOf(() => seal({ ...cut(elements), privateKey: pkcs8(keys.privateKey), spiffeId: uri, ...times }));
    };
    t.equal(outcome([own, innerPem, outerPem, root]), 'none');
    t.equal(outcome([own, innerPem, outerPem + undecodable, root]), 'ERR_SVID_MALFORMED');
    t.equal(outcome([own, innerPem, outerPem, root + undecodable]), 'ERR_BUNDLE_INVALID');
  });
}

t.test('blocks of other kinds are left out, and certificates under their old name are not', async (t) => {
  const old = innerPem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE');
  const { chainPem, bundlePem } = cut([leaf + keyPem + old, keyPem + root]);
  t.same([chainPem.toString(), bundlePem.toString()], [leaf + innerPem, root]);
});

t.test('a bundle that comes again is the same memory, another one is not', async (t) => {
  const form = new AnswerForm();
  const { bundlePem } = cut([leaf, root], form);
  t.equal(cut([leaf, root], form).bundlePem, bundlePem);
  t.equal(cut([leaf, otherRoot], form).bundlePem.toString(), otherRoot);
  t.equal(cut([leaf, root], form).bundlePem.toString(), root);
});

function blocks(pem: Buffer | string): string[] {
  return pem.toString().match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
