import t from 'tap';
import { parseSpiffeBundle } from '../../../src/agent/federation/index.js';
import { bundleKey, spiffeBundle } from '../../support/spiffe-bundle.js';
import { TestCa } from '../../support/test-ca.js';

const [one, two] = [TestCa.root('one'), TestCa.root('two')];
const key = bundleKey(one);
const document = (keys: unknown, more: object = {}): Buffer => Buffer.from(JSON.stringify({ keys, ...more }));

t.test('the keys for X.509-SVIDs are the roots, keys for other uses are left out', async (t) => {
  const others = [{ ...key, use: 'jwt-svid', x5c: undefined }, { kty: 'EC' }, { use: 'sig' }, 'a text', null];
  const { roots, sequence, refreshHintMs } = parseSpiffeBundle(
    document([bundleKey(two), ...others, key], { spiffe_sequence: 7, spiffe_refresh_hint: 60, unknown: {} }),
  );
  t.equal(String(roots.toPem()), String(two.certificatePem) + String(one.certificatePem));
  t.equal(sequence, 7);
  t.equal(refreshHintMs, 60_000);
});

t.test('a document need not say how new it is', async (t) => {
  t.match(parseSpiffeBundle(spiffeBundle([one])), { sequence: undefined, refreshHintMs: undefined });
});

const leaf = TestCa.root()
  .server()
  .certPem.toString()
  .replace(/-----.*-----|\s/g, '');
const refused: { name: string; json: Buffer; message: RegExp }[] = [
  {
    name: 'no JSON',
    json: Buffer.from('-----BEGIN'),
    message: /got 10 bytes that are no JSON, expected a SPIFFE bundle/,
  },
  { name: 'an array', json: Buffer.from('[]'), message: /no JSON object/ },
  { name: 'no keys', json: Buffer.from('{}'), message: /no array of keys/ },
  { name: 'no key at all', json: document([]), message: /got 0 keys for x509-svid, expected 1 to 100/ },
  { name: 'keys for tokens alone', json: document([{ ...key, use: 'jwt-svid' }]), message: /got 0 keys/ },
  { name: 'too many keys', json: document(Array(101).fill(key)), message: /got 101 keys/ },
  { name: 'no certificate', json: document([{ ...key, x5c: undefined }]), message: /key 1 .* x5c of another form/ },
  { name: 'two certificates', json: document([{ ...key, x5c: [0, 0] }]), message: /x5c of another form/ },
  { name: 'an x5c that is a text', json: document([{ ...key, x5c: 'AAAA' }]), message: /x5c of another form/ },
  { name: 'an x5c without base64', json: document([{ ...key, x5c: ['-'] }]), message: /no base64/ },
  { name: 'an x5c of garbage', json: document([{ ...key, x5c: ['AAAA'] }]), message: /certificate 1 does not parse/ },
  {
    name: 'the certificate of another key',
    json: document([{ ...key, x5c: bundleKey(two).x5c }]),
    message: /another key/,
  },
  { name: 'a key that is none', json: document([{ ...key, x: '?', y: '?' }]), message: /another key/ },
  { name: 'a leaf', json: document([{ ...key, x5c: [leaf] }]), message: /another key/ },
  { name: 'a sequence that is a text', json: document([key], { spiffe_sequence: '7' }), message: /spiffe_sequence/ },
  { name: 'a hint below 0', json: document([key], { spiffe_refresh_hint: -1 }), message: /spiffe_refresh_hint/ },
  { name: 'a million brackets', json: Buffer.alloc(1_000_000, '['), message: /levels of JSON/ },
];

for (const { name, json, message } of refused) {
  t.test(`a document with ${name} is refused`, async (t) => {
    t.throws(() => parseSpiffeBundle(json), { code: 'ERR_BUNDLE_INVALID', message });
  });
}
