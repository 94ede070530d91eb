import t from 'tap';
import { cutAnswer } from '../../src/ca-client/answer-form.js';
import { codeOf, ecKeys } from '../hotpath/pki.js';
import { TestCa } from '../support/test-ca.js';

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
    const answer = cutAnswer(elements.map((element) => Buffer.from(element)));
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
  {
    name: 'an intermediate that does not decode',
    elements: [leaf, '-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n', root],
  },
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
      codeOf(() => cutAnswer(elements.map((element) => Buffer.from(element)))),
      'ERR_CA_RESPONSE_INVALID',
    );
  });
}

function blocks(pem: Buffer | string): string[] {
  return pem.toString().match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
