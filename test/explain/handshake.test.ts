import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { playHandshake } from '../../src/explain/handshake/play.js';
import { shownHandshake } from '../../src/explain/handshake/shown-handshake.js';
import { sideOf } from '../../src/explain/handshake/side.js';
import { Style } from '../../src/explain/index.js';
import { certificate, ecKeys } from '../hotpath/pki.js';
import { type PageShape, statusDocument, wantedName } from '../support/agent-pages.js';
import { dump, type Extra, makeCa, makeLeaf, matching, oddLeaf, side, within } from '../support/explained-sides.js';
import * as odd from '../support/odd-certificates.js';
import { TestCa } from '../support/test-ca.js';

const HOUR_MS = 3_600_000;
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';

const root = makeCa('mesh root');
const good = { spiffeId: SLEEP, chain: [makeLeaf(root, [SLEEP])], roots: [root.certificate] };
const other = { spiffeId: HTTPBIN, chain: [makeLeaf(root, [HTTPBIN])], roots: [root.certificate] };

const fingerprintOf = (one: X509Certificate): string => one.fingerprint256.replaceAll(':', '').toLowerCase();

const oldRoot = makeCa('mesh root');
const foreign = makeCa('other root');
const intermediate = makeCa('intermediate', { issuer: root });
const late = makeCa('late root', { notBeforeMs: Date.now() - 3 * HOUR_MS, notAfterMs: Date.now() - HOUR_MS });
const lateIntermediate = makeCa('late intermediate', {
  ...{ issuer: root, notBeforeMs: Date.now() - 3 * HOUR_MS, notAfterMs: Date.now() - HOUR_MS },
});
const earlyRoot = makeCa('early root', { notBeforeMs: Date.now() + HOUR_MS, notAfterMs: Date.now() + 2 * HOUR_MS });
const bounded = makeCa('bounded', {
  issuer: root,
  more: [odd.nameConstraints({ permitted: [odd.general.uri('example.org')] })],
});
const clientOnly = odd.extendedKeyUsage('client');
const serverOnly = odd.extendedKeyUsage('server');
const ca = odd.keyUsage('keyEncipherment');

const namesake = TestCa.root('mesh root');
const crlOf = (of: TestCa): string => of.revocationList().replace(/-----[^-]+-----|\s/g, '');

interface Fault {
  readonly name: string;
  readonly a?: Partial<PageShape>;
  readonly b?: Partial<PageShape>;
  readonly ofA?: Extra;
  readonly ofB?: Extra;
  readonly symptom: string;
  readonly says: RegExp;
  readonly changed?: RegExp;
}

const refused = { code: 'ERR_CA_REFUSED_TOKEN', error: 'UNAUTHENTICATED' };
const tokenOf = (changes: object) => ({
  ...{ iss: 'https://k8s', sub: 'system:serviceaccount:foo:sleep', aud: ['istio-ca'] },
  ...{ expires: new Date(Date.now() + HOUR_MS).toISOString(), ...changes },
});

const FAULTS: readonly Fault[] = [
  {
    name: 'a root that the other side has lost',
    b: {
      roots: [foreign.certificate],
      chain: [makeLeaf(foreign, [HTTPBIN])],
      history: {
        bundles: [
          {
            ...{ at: '2026-12-01T11:58:03.000Z', trust_domain: 'cluster.local', added: [] },
            removed: [{ subject: 'O=mesh root', fingerprint: fingerprintOf(root.certificate) }],
          },
        ],
      },
    },
    symptom: 'root-missing',
    says: /A's certificate is of root "O=mesh root" .* which B's bundle does not have; B trusts "O=other root"/,
    changed: /B {2}2026-12-01T11:58:03Z .*lost root O=mesh root/,
  },
  {
    name: 'two roots of one name',
    b: { roots: [oldRoot.certificate], chain: [makeLeaf(oldRoot, [HTTPBIN])] },
    symptom: 'root-same-name',
    says: /B has a root of that name with another key/,
  },
  {
    name: 'a certificate that has signed itself',
    a: { chain: [certificate({ keys: ecKeys(), subject: 'me', uris: [SLEEP], ...within({}) })] },
    symptom: 'root-missing',
    says: /A's certificate is self-signed, by "O=me", and of no CA; B trusts "O=mesh root"/,
  },
  {
    name: 'a URI that is no SPIFFE ID',
    a: { chain: [makeLeaf(root, ['https://sleep.foo'])] },
    symptom: 'san-missing',
    says: /A's certificate is for URI:https:\/\/sleep.foo, which is no SPIFFE ID/,
  },
  {
    name: 'an address where no CA answers',
    a: { chain: [], failure: { code: 'ERR_CA_RESPONSE_INVALID', error: 'CA answer: HTTP status 404' } },
    symptom: 'ca-answer',
    says: /A has none: ERR_CA_RESPONSE_INVALID/,
  },
  {
    name: 'an intermediate that is not sent',
    a: { chain: [makeLeaf(intermediate, [SLEEP])] },
    symptom: 'intermediate-missing',
    says: /A shows 1 certificates; the issuer of the last, "O=intermediate", is not among them/,
  },
  {
    name: 'an intermediate that has expired',
    a: { chain: [makeLeaf(lateIntermediate, [SLEEP]), lateIntermediate.certificate] },
    symptom: 'intermediate-expired',
    says: /certificate "O=late intermediate": got an expired certificate.* \(in the chain of A\)/,
  },
  {
    name: 'a root that has expired',
    a: { chain: [makeLeaf(late, [SLEEP])], roots: [late.certificate] },
    b: { roots: [late.certificate, root.certificate] },
    symptom: 'root-expired',
    says: /certificate "O=late root": got an expired certificate.* \(a root of B\)/,
  },
  {
    name: 'a root that is not yet valid',
    a: { chain: [makeLeaf(earlyRoot, [SLEEP])], roots: [earlyRoot.certificate] },
    b: { roots: [earlyRoot.certificate, root.certificate] },
    symptom: 'issuer-early',
    says: /"O=early root": got a certificate that is not yet valid/,
  },
  {
    name: 'name constraints that do not permit the trust domain',
    a: { chain: [makeLeaf(bounded, [SLEEP]), bounded.certificate] },
    symptom: 'name-constraints',
    says: /certificate "O=bounded": got name constraints: URI:spiffe:\/\/cluster.local.* not permitted/,
  },
  {
    name: 'a leaf that signs a leaf',
    a: {
      chain: [
        makeLeaf({ ...intermediate, certificate: makeLeaf(root, [SLEEP]) }, [SLEEP]),
        certificate({ ...intermediate, issuer: root, ...within({}) }),
      ],
    },
    symptom: 'issuer-unfit',
    says: /no CA certificate/,
  },
  {
    name: 'a leaf whose key usage lacks digitalSignature',
    a: { chain: [oddLeaf(root, SLEEP, ca)] },
    symptom: 'key-usage',
    says: /a key usage without digitalSignature/,
  },
  {
    name: 'a client with an extended key usage for servers',
    a: { chain: [oddLeaf(root, SLEEP, serverOnly)] },
    symptom: 'extended-key-usage',
    says: /without clientAuth, which a client needs/,
  },
  {
    name: 'a server with an extended key usage for clients',
    b: { chain: [oddLeaf(root, HTTPBIN, clientOnly)] },
    symptom: 'extended-key-usage',
    says: /B's certificate has an extendedKeyUsage without serverAuth/,
  },
  {
    name: 'a certificate without a SPIFFE ID',
    a: { chain: [certificate({ keys: ecKeys(), subject: '', issuer: root, dnsNames: ['sleep.foo'], ...within({}) })] },
    symptom: 'san-missing',
    says: /is for DNS:sleep.foo: got 0 URIs/,
  },
  {
    name: 'a certificate that has expired',
    a: {
      chain: [makeLeaf(root, [SLEEP], { notBeforeMs: Date.now() - 3 * HOUR_MS, notAfterMs: Date.now() - HOUR_MS })],
    },
    symptom: 'certificate-expired',
    says: /A's certificate expired 1h/,
  },
  {
    name: 'a certificate that is not yet valid',
    a: {
      chain: [makeLeaf(root, [SLEEP], { notBeforeMs: Date.now() + HOUR_MS, notAfterMs: Date.now() + 2 * HOUR_MS })],
    },
    symptom: 'certificate-early',
    says: /not yet valid, it begins in (1h|59m)/,
  },
  {
    name: 'a clock that is behind',
    b: {
      nowMs: Date.now() - 2 * HOUR_MS,
      history: { clock_jumps: [{ at: new Date().toISOString(), seconds: -7200 }] },
    },
    ofA: { aheadMs: 0 },
    ofB: { aheadMs: -2 * HOUR_MS },
    symptom: 'clock-skew',
    says: /not yet valid.*the clock of A is 2h.* ahead of that of B/,
    changed: /B {2}.*the clock was set by -7200 s/,
  },
  {
    name: 'another trust domain',
    b: {
      spiffeId: 'spiffe://other.example/ns/foo/sa/httpbin',
      ...{ chain: [makeLeaf(foreign, ['spiffe://other.example/ns/foo/sa/httpbin'])], roots: [foreign.certificate] },
    },
    symptom: 'trust-domain',
    says: /A is of cluster.local, B of other.example/,
  },
  {
    name: 'a SAN matcher of the agent',
    b: { peers: { sans: [{ kind: 'exact', value: 'spiffe://cluster.local/ns/foo/sa/other' }] } },
    symptom: 'san-mismatch',
    says: /is for URI:spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep; B's agent \(--peer-san\) accepts URI exact spiffe:\/\/cluster.local\/ns\/foo\/sa\/other/,
  },
  {
    name: 'a SAN matcher of Envoy, which differs in case alone',
    ofB: {
      envoy: dump('Downstream', matching({ prefix: 'spiffe://Cluster.local/' }), { require_client_certificate: true }),
    },
    symptom: 'san-mismatch',
    says: /inbound of B's Envoy accepts URI prefix spiffe:\/\/Cluster.local\//,
  },
  {
    name: 'what the client is told to expect',
    ofA: { expectedSans: [{ type: 'URI', kind: 'exact', value: SLEEP, ignoresCase: false }] },
    symptom: 'san-mismatch',
    says: /B's certificate is for URI:.*httpbin; A accepts URI exact .*sleep/,
  },
  {
    name: 'versions of TLS that do not overlap',
    ofA: { envoy: dump('Upstream', { tls_params: { tls_maximum_protocol_version: 'TLSv1_2' } }) },
    ofB: {
      envoy: dump(
        'Downstream',
        { tls_params: { tls_minimum_protocol_version: 'TLSv1_3' } },
        { require_client_certificate: true },
      ),
    },
    symptom: 'tls-version',
    says: /A's Envoy: TLSv1_2 to TLSv1_2 \(inbound\); B's Envoy: TLSv1_3 to TLSv1_3/,
  },
  {
    name: 'a token for another audience',
    a: { chain: [], failure: refused, token: tokenOf({ aud: ['vault'] }) },
    b: { token: tokenOf({}) },
    symptom: 'token-audience',
    says: /ERR_CA_REFUSED_TOKEN, 3 times in a row.*aud vault, expires in .*B's token, which a CA accepts, has aud istio-ca/,
  },
  {
    name: 'a token of another cluster',
    a: { chain: [], failure: refused, token: tokenOf({ iss: 'https://elsewhere' }) },
    b: { token: tokenOf({}) },
    symptom: 'token-issuer',
    says: /has iss https:\/\/k8s/,
  },
  {
    name: 'a token that is refused for another reason',
    a: { chain: [], failure: refused, token: tokenOf({}) },
    symptom: 'token-refused',
    says: /its token: iss https:\/\/k8s, sub system:serviceaccount:foo:sleep, aud istio-ca/,
  },
  {
    name: 'a CA that cannot be reached',
    b: { chain: [], failure: { code: 'ERR_CA_UNAVAILABLE', error: 'ECONNREFUSED' } },
    symptom: 'ca-unreachable',
    says: /B has none: ERR_CA_UNAVAILABLE/,
  },
  {
    name: 'a chain that the agent itself refuses',
    b: { chain: [], failure: { code: 'ERR_SVID_UNTRUSTED', error: 'path' } },
    symptom: 'answer-refused',
    says: /B has none: ERR_SVID_UNTRUSTED/,
  },
  {
    name: 'an Envoy that refuses the certificate',
    a: {
      sds: {
        subscribers: [
          {
            node_id: 'sleep-1',
            names: [
              wantedName('default', 'certificate', {
                ...{ state: 'rejected', acked: undefined },
                last_rejection: { error: 'KEY_VALUES_MISMATCH', at: new Date().toISOString() },
              }),
            ],
          },
        ],
      },
    },
    symptom: 'envoy-refused',
    says: /sleep-1 refused A's certificate .*KEY_VALUES_MISMATCH; it holds none/,
  },
  {
    name: 'an Envoy that does not ACK the newest bundle',
    b: {
      sds: {
        subscribers: [
          {
            node_id: 'httpbin-1',
            names: [
              wantedName('default', 'certificate'),
              wantedName('ROOTCA', 'validation-context', { state: 'unanswered', acked: 'bundle-0' }),
            ],
          },
        ],
      },
    },
    symptom: 'envoy-behind',
    says: /httpbin-1 has not ACKed B's bundle bundle-1, and ACKed bundle-0/,
  },
  {
    name: 'an Envoy that asks for a name that is not served',
    a: {
      sds: {
        names: [{ name: 'default' }, { name: 'ROOTCA' }, { name: 'other' }],
        never_served: [{ name: 'defautl', streams: 1 }],
        subscribers: [
          {
            node_id: 'x',
            names: [{ name: 'defautl', state: 'not_served' }, wantedName('ROOTCA', 'validation-context')],
          },
        ],
      },
    },
    symptom: 'name-never-served',
    says: /Envoys ask A for defautl, which it never serves \(it serves default, ROOTCA\)/,
  },
  {
    name: 'a socket that only its owner may use',
    a: { sds: { subscribers: [], socket: { path: '/run/sds', mode: '0600', uid: 1000, gid: 1000 } } },
    symptom: 'socket-locked',
    says: /no Envoy is connected to A's socket \(\/run\/sds: mode 0600, uid 1000, gid 1000\); none has since the agent started/,
  },
  {
    name: 'roots of the other domain that no Envoy asks for',
    a: {
      more: {
        federation: [{ trust_domain: 'far.example', certificates: [foreign.certificate.raw.toString('base64')] }],
      },
    },
    b: {
      spiffeId: 'spiffe://far.example/ns/foo/sa/httpbin',
      ...{ chain: [makeLeaf(foreign, ['spiffe://far.example/ns/foo/sa/httpbin'])], roots: [foreign.certificate] },
      more: {
        federation: [{ trust_domain: 'cluster.local', certificates: [root.certificate.raw.toString('base64')] }],
      },
    },
    symptom: 'trust-domain',
    says: /A is of cluster.local, B of far.example, whose agent has roots of it; its Envoys ask for ROOTCA alone/,
  },
  {
    name: 'a client that shows no certificate',
    ofA: { envoy: dump('Upstream', {}) },
    symptom: 'envoy-shows-none',
    says: /inbound of A's Envoy has no certificate in its TLS context/,
  },
  {
    name: 'a revocation list of another CA of the same name',
    b: { peers: { crls: [crlOf(namesake)], crl_bytes: 1 } },
    symptom: 'crl-unusable',
    says: /is not signed by its key/,
  },
  {
    name: 'a revocation list for another CA alone',
    b: { peers: { crls: [crlOf(TestCa.root('elsewhere'))], crl_bytes: 1 } },
    symptom: 'crl-unusable',
    says: /B has lists, and none of the issuer of A's certificate/,
  },
  {
    name: 'a weak key',
    a: {
      chain: [
        new X509Certificate(
          odd.oddCertificate({
            ...{ subject: odd.oddName(), publicKey: odd.oddKeys('rsa1024').publicKey, ...within({}) },
            issuer: { subject: odd.oddName(['O', root.subject]), privateKey: root.keys.privateKey },
            extensions: [odd.alternativeNames(odd.general.uri(SLEEP))],
          }),
        ),
      ],
    },
    symptom: 'leaf-unfit',
    says: /A's certificate: got .*1024/,
  },
  {
    name: 'no Envoy',
    b: { sds: { subscribers: [] } },
    symptom: 'no-envoy',
    says: /no Envoy is connected to B's socket/,
  },
];

for (const { name, a, b, ofA, ofB, symptom, says, changed } of FAULTS) {
  t.test(`a fault explained: ${name}`, (t) => {
    const [client, server] = [side('A', { ...good, ...a }, ofA), side('B', { ...other, ...b }, ofB)];
    const { first } = playHandshake(client, server);
    t.equal(first?.judgement.symptom, symptom);
    t.match(first?.judgement.text, says);
    const text = shownHandshake(playHandshake(client, server), [client, server], new Style(false)).join('\n');
    t.match(text, new RegExp(`^ {2}see docs/troubleshooting.md#${symptom}$`, 'm'));
    if (changed !== undefined) t.match(text, changed);
    t.end();
  });
}

t.test('two sides that fit have no rule that fails, and what is not known has a question mark', (t) => {
  const [client, server] = [side('A', good), side('B', other)];
  const handshake = playHandshake(client, server);
  t.equal(handshake.first, undefined);
  const text = shownHandshake(handshake, [client, server], new Style(false)).join('\n');
  t.match(text, /\? {5}SAN/);
  t.match(text, /no rule fails that can be looked at; those with a \? cannot$/);
  const known = {
    envoy: dump('Downstream', matching({ prefix: 'spiffe://cluster.local/' }), { require_client_certificate: true }),
  };
  const expects = {
    aheadMs: 0,
    expectedSans: [{ type: 'URI', kind: 'exact', value: HTTPBIN, ignoresCase: false }],
  } as const;
  const whole = playHandshake(side('A', good, expects), side('B', other, { ...known, aheadMs: 100 }));
  t.match(shownHandshake(whole, [client, server], new Style(false)).at(-1), 'the handshake should succeed');
  t.end();
});

t.test('roots of another trust domain count when an Envoy asks for them', (t) => {
  const far = 'spiffe://far.example/ns/foo/sa/httpbin';
  const rootsOf = (name: string, ca: ReturnType<typeof makeCa>) => ({
    more: { federation: [{ trust_domain: name, certificates: [ca.certificate.raw.toString('base64')] }] },
    sds: {
      subscribers: [
        {
          node_id: 'e',
          names: ['default', 'ALL'].map((one) => wantedName(one, one === 'ALL' ? 'validation-context' : 'certificate')),
        },
      ],
    },
  });
  const client = side('A', { ...good, ...rootsOf('far.example', foreign) });
  const server = { spiffeId: far, chain: [makeLeaf(foreign, [far])], roots: [foreign.certificate] };
  const handshake = playHandshake(client, side('B', { ...server, ...rootsOf('cluster.local', root) }));
  t.equal(handshake.first, undefined);
  t.match(
    handshake.directions[0]?.judgements.find(({ rule }) => rule === 'trust domain')?.text,
    /which has 1 roots of it/,
  );
  t.end();
});

t.test('a key that Envoy does not verify by itself is a fault, and files in its place are a warning', (t) => {
  const chain = [
    new X509Certificate(
      odd.oddCertificate({
        ...{ subject: odd.oddName(), publicKey: odd.oddKeys('ed25519').publicKey, ...within({}) },
        issuer: { subject: odd.oddName(['O', root.subject]), privateKey: root.keys.privateKey },
        extensions: [odd.alternativeNames(odd.general.uri(SLEEP))],
      }),
    ),
  ];
  const envoy = dump('Upstream', { tls_certificates: [{ certificate_chain: { filename: '/x' } }] });
  const { directions, first } = playHandshake(side('A', { ...good, chain }, { envoy }), side('B', other));
  t.match(
    first?.judgement.text,
    /A's key is ed25519, which the Envoy of B verifies only with signature_algorithms set/,
  );
  const warned = directions[0]?.judgements.filter(({ verdict }) => verdict === 'warn').map(({ symptom }) => symptom);
  t.strictSame(warned, ['envoy-own-files']);
  t.end();
});

t.test('a server that asks for no client certificate is a warning', (t) => {
  const { directions } = playHandshake(side('A', good), side('B', other, { envoy: dump('Downstream', {}) }));
  t.match(
    directions[0]?.judgements.filter(({ verdict }) => verdict === 'warn'),
    [{ symptom: 'not-verified' }],
  );
  t.end();
});

t.test('pages that are none, of no agent or of several identities say so', (t) => {
  const settings = { label: 'A', where: 'x', aheadMs: undefined, envoy: undefined, expectedSans: [] };
  const of = (page: unknown, identity?: string) => sideOf(page, { ...settings, identity });
  for (const page of [undefined, [], 'x', { authority: {} }]) t.match(of(page), /expected that of an agent/);
  const two = { ...statusDocument(good), identities: [{ spiffe_id: SLEEP }, { spiffe_id: HTTPBIN, pod_uid: 'u' }] };
  t.match(of(two), /got 2 identities, expected which one is meant: one of .*sleep, .*httpbin/);
  t.match(of(two, 'spiffe://x/y'), /got no identity spiffe:\/\/x\/y/);
  t.match(of(two, 'u'), { spiffeId: HTTPBIN });
  t.match(of({ identities: [] }), /no pod has asked for one yet/);
  t.match(of({ identities: [{}] }), /older sidecert/);
  t.end();
});
