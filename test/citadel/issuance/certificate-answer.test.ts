import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openssl } from '../../hotpath/pki.js';
import { authorityDirectory, pemOf } from '../../support/authority-files.js';
import { startCitadel } from '../../support/citadel.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';
import { TestCa } from '../../support/test-ca.js';

const hotPath = openHotPath();
const csr = foreignCsr();
const HOUR_MS = 3_600_000;

const root = TestCa.root('first root');
const otherRoot = TestCa.root('second root');
const middle = root.intermediate('middle');
const issuing = middle.intermediate('issuing');

async function elementsOf(t: Test, directory?: string): Promise<readonly string[]> {
  const { caller, issuer } = await startCitadel(t, hotPath, directory === undefined ? {} : { directory });
  return (await caller.call({ token: await issuer.token(), csr })).elements;
}

/** The subjects of the certificates in each element. */
function subjects(elements: readonly string[]): string[][] {
  return elements.map((element) => {
    const blocks = element.split(/(?<=-----END CERTIFICATE-----\n)/);
    return blocks.map((block) => new X509Certificate(block).subject ?? '');
  });
}

/** What `openssl verify` says of the leaf, with the last element as roots and those between as help. */
function verdict(t: Test, elements: readonly string[]): string {
  const directory = t.testdir();
  const files = { leaf: elements.slice(0, 1), between: elements.slice(1, -1), roots: elements.slice(-1) };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content.join(''));
  const [leaf, between, roots] = Object.keys(files).map((name) => join(directory, name)) as [string, string, string];
  const untrusted = elements.length > 2 ? ['-untrusted', between] : [];
  return openssl(['verify', '-CAfile', roots, ...untrusted, leaf]);
}

const NO_SUBJECT = '';
const chains = [
  {
    name: 'leaf, each intermediate, all roots as one',
    parts: { signer: issuing, chain: [issuing, middle], roots: [root, otherRoot] },
    want: [[NO_SUBJECT], ['O=issuing'], ['O=middle'], ['O=first root', 'O=second root']],
  },
  {
    name: 'the signing certificate is in front even if the chain file leaves it out',
    parts: { signer: issuing, chain: [middle], roots: [root] },
    want: [[NO_SUBJECT], ['O=issuing'], ['O=middle'], ['O=first root']],
  },
  {
    name: 'a root in the chain file is not sent twice',
    parts: { signer: issuing, chain: [issuing, middle, root], roots: [root] },
    want: [[NO_SUBJECT], ['O=issuing'], ['O=middle'], ['O=first root']],
  },
  {
    name: 'a root that signs leaves itself needs nothing between',
    parts: { signer: root, roots: [root] },
    want: [[NO_SUBJECT], ['O=first root']],
  },
] as const;

for (const { name, parts, want } of chains) {
  t.test(name, async (t) => {
    const elements = await elementsOf(t, authorityDirectory(t, parts));
    t.strictSame(subjects(elements), want);
    for (const element of elements) t.match(element, /-----END CERTIFICATE-----\n$/);
    t.match(verdict(t, elements), /: OK/);
  });
}

t.test('a self-made root answers two elements', async (t) => {
  const elements = await elementsOf(t);
  t.strictSame(subjects(elements), [[NO_SUBJECT], ['O=cluster.local']]);
  t.match(verdict(t, elements), /: OK/);
});

t.test('the bundle goes out as configured, without comments', async (t) => {
  const parts = { signer: root, roots: [root] };
  const commented = Buffer.concat([
    Buffer.from('# ours\n'),
    pemOf([root]),
    Buffer.from('# theirs\n'),
    pemOf([otherRoot]),
  ]);
  const elements = await elementsOf(t, authorityDirectory(t, parts, { 'root-cert.pem': commented }));
  t.equal(elements.at(-1), pemOf([root, otherRoot]).toString());
});

const ends = [
  { name: 'the signing certificate', lives: { root: 48, middle: 36, issuing: 2 } },
  { name: 'an intermediate', lives: { root: 48, middle: 2, issuing: 36 } },
  { name: 'the root', lives: { root: 2, middle: 36, issuing: 48 } },
] as const;

for (const { name, lives } of ends) {
  t.test(`a leaf ends no later than ${name}`, async (t) => {
    const life = (hours: number) => ({ notAfterMs: Math.floor(Date.now() / 1000) * 1000 + hours * HOUR_MS });
    const top = TestCa.root('top', life(lives.root));
    const between = top.intermediate('between', life(lives.middle));
    const signer = between.intermediate('signer', life(lives.issuing));
    const parts = { signer, chain: [signer, between], roots: [top] };
    const [leaf = ''] = await elementsOf(t, authorityDirectory(t, parts));
    const first = [top, between, signer].map(({ certificate }) => Date.parse(certificate.validTo));
    t.equal(Date.parse(new X509Certificate(leaf).validTo), Math.min(...first));
  });
}
