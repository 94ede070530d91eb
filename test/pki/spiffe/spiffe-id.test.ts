import t from 'tap';
import { SpiffeId, TrustDomain } from '../../../src/pki/spiffe/index.js';

const valid = [
  'spiffe://cluster.local/ns/foo/sa/sleep',
  'spiffe://cluster.local',
  'spiffe://a/b',
  'spiffe://td_1-x.y/Path/With.Dots/and-dashes_1',
  'spiffe://td/...',
  `spiffe://${'a'.repeat(255)}/x`,
];
for (const text of valid) {
  t.test(`${text.slice(0, 60)} is a SPIFFE ID and has this one spelling`, async (t) => {
    t.equal(SpiffeId.parse(text).toString(), text);
    t.equal(JSON.stringify(SpiffeId.parse(text)), JSON.stringify(text));
  });
}

const invalid = [
  { name: 'another scheme', text: 'https://cluster.local/x' },
  { name: 'a scheme in capitals', text: 'SPIFFE://cluster.local/x' },
  { name: 'an empty text', text: '' },
  { name: 'no trust domain', text: 'spiffe:///ns/foo' },
  { name: 'a trust domain in capitals', text: 'spiffe://Cluster.local/x' },
  { name: 'a user', text: 'spiffe://me@cluster.local/x' },
  { name: 'a port', text: 'spiffe://cluster.local:443/x' },
  { name: 'a query', text: 'spiffe://cluster.local/x?y=1' },
  { name: 'a fragment', text: 'spiffe://cluster.local/x#y' },
  { name: 'percent-encoding', text: 'spiffe://cluster.local/a%20b' },
  { name: 'a trailing slash', text: 'spiffe://cluster.local/x/' },
  { name: 'a trailing slash after the trust domain', text: 'spiffe://cluster.local/' },
  { name: 'an empty segment', text: 'spiffe://cluster.local/a//b' },
  { name: 'the segment .', text: 'spiffe://cluster.local/a/./b' },
  { name: 'the segment ..', text: 'spiffe://cluster.local/ns/foo/../bar' },
  { name: 'a letter outside ASCII', text: 'spiffe://cluster.local/é' },
  { name: 'a line feed at the end', text: 'spiffe://cluster.local/x\n' },
  { name: 'more than 2048 characters', text: `spiffe://cluster.local/${'x'.repeat(2048)}` },
  { name: 'a trust domain of 256 characters', text: `spiffe://${'a'.repeat(256)}/x` },
];
for (const { name, text } of invalid) {
  t.test(`a SPIFFE ID with ${name} is refused`, async (t) => {
    t.throws(() => SpiffeId.parse(text), { code: 'ERR_SPIFFE_ID_INVALID' });
  });
}

t.test('a service account has the ID that Istio gives it', async (t) => {
  const id = SpiffeId.forServiceAccount(TrustDomain.parse('cluster.local'), 'foo', 'sleep');
  t.equal(id.toString(), 'spiffe://cluster.local/ns/foo/sa/sleep');
  t.equal(id.path, '/ns/foo/sa/sleep');
});

t.test('a service account cannot smuggle path segments in', async (t) => {
  const trustDomain = TrustDomain.parse('cluster.local');
  for (const name of ['a/sa/b', '..', '', 'a b']) {
    t.throws(() => SpiffeId.forServiceAccount(trustDomain, 'foo', name), { code: 'ERR_SPIFFE_ID_INVALID' });
    t.throws(() => SpiffeId.forServiceAccount(trustDomain, name, 'sleep'), { code: 'ERR_SPIFFE_ID_INVALID' });
  }
});

t.test('the error names what it got and what was expected, and cuts what is too long', async (t) => {
  t.throws(() => SpiffeId.parse('http://x'), {
    message: 'SPIFFE ID: got "http://x", expected the scheme spiffe:// in lower case',
  });
  t.throws(() => TrustDomain.parse('A'), { message: /trust domain: got "A", expected only a-z/ });
  try {
    SpiffeId.parse('x'.repeat(5000));
    t.fail('accepted');
  } catch (error) {
    t.ok(String(error).length < 250);
  }
});
