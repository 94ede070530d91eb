import t from 'tap';
import { playHandshake } from '../../src/explain/handshake/play.js';
import { shownHandshake } from '../../src/explain/handshake/shown-handshake.js';
import { Style } from '../../src/explain/index.js';
import { type PageShape, wantedName } from '../support/agent-pages.js';
import { dump, type Extra, makeCa, makeLeaf, matching, side } from '../support/explained-sides.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';

const root = makeCa('mesh root', { notBeforeMs: Date.now() - 9 * HOUR_MS });
const [leafA, leafB] = [makeLeaf(root, [SLEEP]), makeLeaf(root, [HTTPBIN])];
const good = { spiffeId: SLEEP, chain: [leafA], roots: [root.certificate] };
const other = { spiffeId: HTTPBIN, chain: [leafB], roots: [root.certificate] };

/** The whole configuration of an Envoy with this dump of one TLS context, and more. */
function whole(...dumps: readonly { readonly configs: readonly object[] }[]) {
  const type = 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump';
  return { configs: [{ '@type': type, static_listeners: dumps.flatMap(({ configs }) => configs) }] };
}

const server = (context: object = {}, more: object = {}) =>
  whole(dump('Downstream', context, { require_client_certificate: true, ...more }));
/** Not empty: so it has the certificate of its agent. */
const client = (context: object = { alpn_protocols: [] }, more: object = {}) => whole(dump('Upstream', context, more));

/** With the secrets that an Envoy holds. */
function holding<T extends { configs: readonly object[] }>(config: T, secrets: readonly object[]) {
  const type = 'type.googleapis.com/envoy.admin.v3.SecretsConfigDump';
  return { configs: [...config.configs, { '@type': type, dynamic_active_secrets: secrets }] };
}

const inline = (pem: string) => ({ inline_bytes: Buffer.from(pem).toString('base64') });
const heldLeaf = (pem: string) => ({
  ...{ name: 'default', version_info: 'v7', last_updated: '2026-12-01T09:00:00Z' },
  secret: { tls_certificate: { certificate_chain: inline(pem) } },
});
const matcherOf = (san_type: string, matcher: object) => ({
  combined_validation_context: {
    default_validation_context: { match_typed_subject_alt_names: [{ san_type, matcher }] },
    validation_context_sds_secret_config: { name: 'ROOTCA' },
  },
});

const pinned = (pins: object) => ({
  combined_validation_context: {
    default_validation_context: pins,
    validation_context_sds_secret_config: { name: 'ROOTCA' },
  },
});
const fromFile = (path: string) => ({ sds_config: { path_config_source: { path } } });

interface Fault {
  readonly name: string;
  readonly a?: Partial<PageShape>;
  readonly b?: Partial<PageShape>;
  readonly ofA?: Extra;
  readonly ofB?: Extra;
  /** Of what fails, or of the first that is warned of. */
  readonly symptom: string;
  readonly says: RegExp;
  /** A warning alone: the handshake may take place. */
  readonly isWarning?: boolean;
}

const stale = Date.now() - 3 * HOUR_MS;

const FAULTS: readonly Fault[] = [
  {
    name: 'a server in plain text',
    ofB: { envoy: whole() },
    symptom: 'envoy-plain-text',
    says: /no listener of B's Envoy has a TLS context$/,
  },
  {
    name: 'client and server the wrong way round',
    ofA: { envoy: server() },
    symptom: 'envoy-plain-text',
    says: /no cluster of A's Envoy has a TLS context; it has TLS in the other direction: is A the server\?/,
  },
  {
    name: 'a TLS context with nothing of its own',
    ofA: {
      envoy: whole({ configs: [{ name: 'out', typed_config: { '@type': 'x.v3.UpstreamTlsContext', sni: 'b' } }] }),
    },
    symptom: 'envoy-shows-none',
    says: /out of A's Envoy has no certificate in its TLS context/,
  },
  {
    name: 'TLS 1.2 with suites for RSA keys alone',
    ofB: {
      envoy: server({
        tls_params: {
          tls_maximum_protocol_version: 'TLSv1_2',
          cipher_suites: ['[ECDHE-RSA-AES128-GCM-SHA256|AES128-SHA]'],
        },
      }),
    },
    symptom: 'tls-cipher',
    says: /B's Envoy: cipher suites ECDHE-RSA-AES128-GCM-SHA256 AES128-SHA \(inbound\)/,
  },
  {
    name: 'curves of one side that the other lacks',
    ofA: { envoy: client({ tls_params: { ecdh_curves: ['P-521'] } }) },
    symptom: 'tls-curves',
    says: /A's Envoy: curves P-521 \(inbound\)/,
  },
  {
    name: 'an SNI that no filter chain is for',
    ofA: { envoy: client({ alpn_protocols: ['h2'] }, { sni: 'httpbin.foo' }) },
    ofB: {
      envoy: whole({
        configs: [{ filter_chain_match: { server_names: ['httpbin.bar'] }, chain: server().configs }],
      } as never),
    },
    symptom: 'tls-filter-chain',
    says: /A's Envoy: SNI httpbin.foo, ALPN h2 .*; B's Envoy: a filter chain for SNI httpbin.bar, ALPN any/,
  },
  {
    name: 'no ALPN in common',
    ofA: { envoy: client({ alpn_protocols: ['http/1.1'] }) },
    ofB: { envoy: server({ alpn_protocols: ['h2'] }) },
    symptom: 'tls-alpn',
    says: /no protocol in common: http\/1\.1 against h2/,
    isWarning: true,
  },
  {
    name: 'signatures that the key does not make',
    ofA: { envoy: client({ tls_params: { signature_algorithms: ['rsa_pss_rsae_sha256', 'ed25519'] } }) },
    symptom: 'key-type',
    says: /B's key is prime256v1, and the Envoy of A verifies signatures by rsa_pss_rsae_sha256 ed25519 alone/,
  },
  {
    name: 'a pin of a certificate of before',
    ofB: { envoy: server(pinned({ verify_certificate_hash: [`${'AB:'.repeat(31)}AB`] })) },
    symptom: 'envoy-pins',
    says: /A's certificate \(SHA-256 [0-9a-f]{64}, key \S+=\) is not among the pins of B's Envoy: AB:AB/,
  },
  {
    name: 'a pin that fits, for as long as this certificate lives',
    ofB: { envoy: server(pinned({ verify_certificate_hash: [leafA.fingerprint256] })) },
    symptom: 'envoy-pins',
    says: /B's Envoy has pins, which end with the next certificate/,
    isWarning: true,
  },
  {
    name: 'a matcher with a slash at its end',
    ofB: { envoy: server(matching({ exact: `${SLEEP}/` })) },
    symptom: 'san-mismatch',
    says: /accepts URI exact \S+sleep\/: they differ in a slash at the end$/,
  },
  {
    name: 'a matcher of another case',
    ofB: { envoy: server(matching({ exact: SLEEP.replace('sleep', 'Sleep') })) },
    symptom: 'san-mismatch',
    says: /: they differ in case alone$/,
  },
  {
    name: 'a matcher of another namespace',
    ofB: { envoy: server(matching({ exact: SLEEP.replace('foo', 'bar') })) },
    symptom: 'san-mismatch',
    says: /: they differ in the namespace alone$/,
  },
  {
    name: 'a matcher of the trust domain of before',
    ofB: { envoy: server(matching({ exact: SLEEP.replace('cluster.local', 'old.example') })) },
    symptom: 'san-mismatch',
    says: /: they differ in the trust domain alone$/,
  },
  {
    name: 'a pattern for a part of the name',
    ofB: { envoy: server(matching({ safe_regex: { regex: 'sa/sleep' } })) },
    symptom: 'san-mismatch',
    says: /: the pattern fits a part of the name, and has to fit the whole of it$/,
  },
  {
    name: 'a star that is no pattern',
    ofB: { envoy: server(matching({ exact: 'spiffe://cluster.local/ns/foo/*' })) },
    symptom: 'san-mismatch',
    says: /: exact takes the \* as it is: expected a prefix$/,
  },
  {
    name: 'a matcher for DNS names',
    ofA: { envoy: client(matcherOf('DNS', { exact: 'httpbin.foo.svc' })) },
    symptom: 'san-mismatch',
    says: /accepts DNS exact httpbin.foo.svc: the matcher is for DNS names, and the SPIFFE ID is a URI/,
  },
  {
    name: 'an Envoy that does not verify',
    ofB: { envoy: server(pinned({ trust_chain_verification: 'ACCEPT_UNTRUSTED' })) },
    symptom: 'not-verified',
    says: /B's Envoy does not verify its peer: inbound/,
    isWarning: true,
  },
  {
    name: 'roots of the own configuration',
    ofB: {
      envoy: server({
        validation_context: { trusted_ca: { filename: '/etc/ca.pem' } },
        combined_validation_context: null,
      }),
    },
    symptom: 'envoy-own-roots',
    says: /B's Envoy takes its roots from its own configuration: inbound/,
    isWarning: true,
  },
  {
    name: 'a certificate from a file under the name of that of the agent',
    ofA: {
      envoy: holding(
        client({ tls_certificate_sds_secret_configs: [{ name: 'default', ...fromFile('/etc/certs/sds.yaml') }] }),
        [heldLeaf(makeLeaf(root, [SLEEP]).toString())],
      ),
    },
    symptom: 'envoy-own-files',
    says: /Envoy of A holds another certificate than its agent: default from the file \/etc\/certs\/sds.yaml/,
  },
  {
    name: 'the Envoy of the other side',
    ofA: { envoy: holding(client(), [heldLeaf(leafB.toString())]) },
    symptom: 'envoy-of-another',
    says: /default is for \S+httpbin, and the agent's for \S+sleep: is it the Envoy of another workload\?/,
  },
  {
    name: 'an Envoy that holds a leaf of before',
    ofA: { envoy: holding(client(), [heldLeaf(makeLeaf(root, [SLEEP]).toString())]) },
    symptom: 'envoy-behind',
    says: /default of version v7, since /,
  },
  {
    name: 'a name that is misspelt beside one that is not',
    b: {
      sds: {
        names: [{ name: 'default' }, { name: 'ROOTCA' }],
        never_served: [{ name: 'ROOTCa', streams: 1 }],
      },
    },
    symptom: 'name-never-served',
    says: /Envoys ask B for ROOTCa, which it never serves \(it serves default, ROOTCA\): what needs that one is not ready/,
    isWarning: true,
  },
  {
    name: 'one page given twice',
    b: good,
    symptom: 'same-side',
    says: /A and B have one and the same certificate \(\S+sleep, serial [0-9a-f]+\)/,
    isWarning: true,
  },
  {
    name: 'pages of long ago',
    a: {
      nowMs: stale,
      chain: [makeLeaf(root, [SLEEP], { notBeforeMs: stale - HOUR_MS, notAfterMs: stale + HOUR_MS })],
    },
    b: {
      nowMs: stale,
      chain: [makeLeaf(root, [HTTPBIN], { notBeforeMs: stale - HOUR_MS, notAfterMs: stale + HOUR_MS })],
    },
    ofA: { ageMs: 3 * HOUR_MS },
    ofB: { ageMs: 3 * HOUR_MS },
    symptom: 'status-stale',
    says: /A and B are pages of 3h ago: what they say is of then/,
    isWarning: true,
  },
  {
    name: 'a page of before the certificate expired, beside a live one',
    a: {
      nowMs: stale,
      chain: [makeLeaf(root, [SLEEP], { notBeforeMs: stale - HOUR_MS, notAfterMs: stale + HOUR_MS })],
    },
    ofA: { ageMs: 3 * HOUR_MS },
    ofB: { aheadMs: 0 },
    symptom: 'status-stale',
    says: /A's certificate expired (?:2h|1h 59m).* ago .*; the page of A .* is of (?:3h|2h 59m).* before that of B, or its clock is behind/,
  },
  {
    name: 'a page of before the certificate of the other one began',
    b: { nowMs: stale },
    ofB: { ageMs: 3 * HOUR_MS },
    symptom: 'status-stale',
    says: /A's certificate is not yet valid.*; the page of B .* is of .* before that of A/,
  },
];

for (const { name, a, b, ofA, ofB, symptom, says, isWarning = false } of FAULTS) {
  t.test(`a fault explained: ${name}`, (t) => {
    const sides = [side('A', { ...good, ...a }, ofA), side('B', { ...other, ...b }, ofB)] as const;
    const handshake = playHandshake(...sides);
    const all = [...handshake.directions.flatMap(({ judgements }) => judgements), ...handshake.common];
    const told = isWarning ? all.find(({ verdict }) => verdict === 'warn') : handshake.first?.judgement;
    t.match(told, { symptom, text: says });
    t.equal(handshake.first !== undefined, !isWarning);
    const text = shownHandshake(handshake, sides, new Style(false)).join('\n');
    t.match(text, isWarning ? /^no rule fails.*; look at what is under WARN$/m : /^The first rule that fails, /m);
    t.end();
  });
}

t.test('contexts of other peers do not count, where one fits', (t) => {
  const versions = { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' };
  const tls13 = { tls_params: versions };
  const tls12 = { tls_params: { tls_maximum_protocol_version: 'TLSv1_2' }, tls_certificate_sds_secret_configs: [] };
  const many = whole(dump('Upstream', tls12), dump('Upstream', { ...tls13, alpn_protocols: ['h2'] }));
  const { first, common } = playHandshake(side('A', good, { envoy: many }), side('B', other, { envoy: server(tls13) }));
  t.equal(first, undefined);
  t.match(
    common.filter(({ rule }) => rule === 'TLS version'),
    [{ verdict: 'ok' }],
  );
  t.end();
});

t.test('a pattern that cannot be tried here is no fault, and no fit', (t) => {
  const envoy = server(matching({ safe_regex: { regex: '(?P<x>spiffe://.*)' } }));
  const { directions, first } = playHandshake(side('A', good), side('B', other, { envoy }));
  t.equal(first, undefined);
  t.match(
    directions[0]?.judgements.find(({ rule }) => rule === 'SAN'),
    { verdict: 'unknown', text: /whether .* fits cannot be told/ },
  );
  const anyCase = server(matching({ safe_regex: { regex: '(?i)SPIFFE://cluster.local/.*' } }));
  const tried = playHandshake(side('A', good), side('B', other, { envoy: anyCase }));
  t.match(
    tried.directions[0]?.judgements.find(({ rule }) => rule === 'SAN'),
    { verdict: 'ok', text: /is accepted by inbound of B's Envoy/ },
  );
  t.end();
});

t.test('an agent that has started lately knows nothing of before, and says so', (t) => {
  const history = { since: new Date(Date.now() - 5 * MINUTE_MS).toISOString() };
  const foreign = makeCa('other root');
  const sides = [
    side('A', good),
    side('B', { ...other, roots: [foreign.certificate], chain: [makeLeaf(foreign, [HTTPBIN])], history }),
  ] as const;
  const text = shownHandshake(playHandshake(...sides), sides, new Style(false)).join('\n');
  t.match(text, /^ {2}B {2}\S+Z \(\d+m.* ago\) {2}the agent started: it knows nothing of before$/m);
  t.end();
});

t.test('what is wanted of TLS comes before certificates, as in a handshake', (t) => {
  const foreign = makeCa('other root');
  const tls13 = { tls_params: { tls_minimum_protocol_version: 'TLSv1_3' } };
  const { first } = playHandshake(
    side('A', good, { envoy: client({ tls_params: { tls_maximum_protocol_version: 'TLSv1_2' } }) }),
    side('B', { ...other, roots: [foreign.certificate] }, { envoy: server(tls13) }),
  );
  t.equal(first?.judgement.symptom, 'tls-version');
  const { first: without } = playHandshake(
    side(
      'A',
      { ...good, chain: [], sds: { subscribers: [wantedName('default', 'certificate')] } },
      { envoy: client() },
    ),
    side('B', other, { envoy: whole() }),
  );
  t.equal(without?.judgement.rule, 'certificate');
  t.end();
});
