import t from 'tap';
import { Style, shownStatus, statusProblems } from '../../src/explain/index.js';
import { lengthText } from '../../src/explain/time-words.js';
import { agentDocument, citadelDocument } from '../support/status-documents.js';

const NOW_MS = Date.parse('2026-11-30T12:00:00Z');
const BASE = { version: '1', hot_path: 'native' };
const VALID = { spiffe_id: 'spiffe://a/b', svid: 'valid', not_after: '2026-11-30T13:00:00Z' };
const shown = (page: object): string => shownStatus({ ...BASE, ...page }, NOW_MS, new Style(false)).join('\n');

const cases = [
  { name: 'a valid one', page: { identities: [VALID] }, want: [] },
  {
    name: 'one whose last renewals failed',
    page: { identities: [{ ...VALID, failed_renewals: 3, last_failure: { code: 'ERR_CA_DEADLINE' } }] },
    want: [],
  },
  {
    name: 'one that has expired since',
    page: { identities: [{ ...VALID, not_after: '2026-11-30T11:59:59Z' }] },
    want: ['the certificate of spiffe://a/b has expired'],
  },
  {
    name: 'none yet',
    page: { identities: [{ spiffe_id: 'spiffe://a/b', svid: 'none' }] },
    want: ['spiffe://a/b has no certificate'],
  },
  { name: 'no identity in sidecar mode', page: { mode: 'sidecar', identities: [] }, want: ['there is no certificate'] },
  { name: 'no pod in node mode', page: { mode: 'node', identities: [] }, want: [] },
  {
    name: 'files that cannot be written',
    page: { identities: [VALID], output_certs: { path: '/out', state: 'failing' } },
    want: ['the files in /out cannot be written'],
  },
  {
    name: 'a Citadel that has expired',
    page: { authority: { not_after: '2026-11-30T11:00:00Z' } },
    want: ['the signing certificate has expired'],
  },
  {
    name: 'an injector whose roots are stale',
    page: { identity: VALID, ca_bundle: { state: 'stale' } },
    want: ['the roots in the webhook configuration are stale'],
  },
  { name: 'an injector that keeps no roots', page: { identity: VALID }, want: [] },
] as const;
for (const { name, page, want } of cases) {
  t.test(`valid or not: ${name}`, async (t) => {
    t.strictSame(statusProblems({ ...BASE, ...page }, NOW_MS), want);
    for (const problem of want) t.ok(shown(page).endsWith(problem));
  });
}

t.test('a failure, a rejection and what is idle are shown with their ages', async (t) => {
  const text = shown({
    ...{ mode: 'node', identity_count: 700, idle_count: 1 },
    identities: [
      {
        ...{ ...VALID, idle: true, pod_uid: 'u-1', failed_renewals: 2, outage_tolerance_seconds: 5400 },
        last_failure: { code: 'ERR_CA_DEADLINE', error: 'too\nlate', at: '2026-11-30T11:58:00Z' },
      },
    ],
    sds: {
      ...{ connections: 1, streams: 2 },
      names: [
        {
          ...{ name: 'default', version: 'v1', versions: 1, streams: { applied: 1, rejected: 1, waiting: 0 } },
          last_rejection: {
            version: 'v1',
            error: 'bad\u001b]0;x\u0007key',
            blames: 'certificate',
            at: '2026-11-30T11:00:00Z',
          },
        },
        { name: 'ROOTCA', versions: 0, streams: { applied: 0 } },
      ],
    },
  });
  for (const line of [
    'spiffe://a/b  valid, idle: no stream holds it',
    '  pod               u-1',
    '  life left         1h (2026-11-30T13:00:00Z)',
    '  outage survived   1h 30m without the CA',
    '  last failure      ERR_CA_DEADLINE 2m ago, 2 in a row: too late',
    '1 of 700 identities are shown, those in trouble first',
    '  default           v1: 1 applied, 1 rejected',
    '                    rejected v1 1h ago: bad ]0;x key (it speaks of the certificate)',
    '  ROOTCA            no version: no stream wants it',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
});

t.test('of one that moves from files to a CA, the source is that which is served', async (t) => {
  const page = { identities: [VALID], files: { path: '/etc/certs' }, ca: { address: 'a:1' } };
  t.match(shown({ ...page, migration: { served: 'files' } }), /^ {2}source +files in \/etc\/certs$/m);
  t.match(shown({ ...page, migration: { served: 'ca' } }), /^ {2}source +CA a:1$/m);
});

t.test('what a page has, the text has: CAs, migration, other trust domains, whom a Citadel has refused', async (t) => {
  const textOf = (document: object): string => shownStatus(document, Date.now(), new Style(false)).join('\n');
  const agent = textOf(agentDocument({ text: 'a text' }));
  for (const line of [
    /^ {2}bundle checked {4}5h ago \(/m,
    /^Migration from files to a CA: step files {2}not complete$/m,
    /^ {2}step taken {8}5h ago \(/m,
    /^ {2}step file {9}\/etc\/step\n {20}a text$/m,
    /^ {2}held up by {8}a stream of Envoy has not acknowledged ROOTCA \(unacknowledged\)$/m,
    /^ {2}served from {7}files$/m,
    /^ {2}roots served {6}2: 1 of files, 2 of the CA$/m,
    /^ {2}mounted roots {5}have those of the CA$/m,
    /^ {2}of the files {6}valid, serial 0a1b, life left \d+h/m,
    /^ {2}of the CA {9}no certificate\n {20}ERR_CA_/m,
    /^Trust domain partner\.example {2}2 roots \(endpoint\)$/m,
    /^ {2}endpoint {10}https:\/\/partner\.example\/bundle \(https_web\)$/m,
    /^ {2}last good {9}5h ago \(/m,
    /^Trust domain other\.example {2}no roots\n {2}file {14}\/etc\/other\.pem$/m,
  ])
    t.match(agent, line);
  const citadel = textOf(citadelDocument({ text: 'a text' }));
  t.match(citadel, /^ {2}root change {7}staged 3d 8h ago/m);
  t.match(citadel, /^Issued 1204, refused 3 since start$/m);
  t.match(
    citadel,
    /ERR_TOKEN_EXPIRED, 3 times: a text; claims to be system:serviceaccount:foo:sleep; claimed pod sleep-7f$/m,
  );
});

t.test('a page of other forms is shown without a failure', async (t) => {
  for (const page of [
    { identities: 'x', sds: [], ca: 1, cas: { a: 1 } },
    { identities: [1, null, []], sds: { names: [{ streams: 'x' }] } },
    { identity: 'x', reviews: 3, ca_bundle: 'y' },
    { authority: [], token_keys: 1, root_config_maps: 'x' },
    { migration: 'x', federation: [1, {}], recent_requests: { refused: [null] } },
  ]) {
    t.type(shown(page), 'string');
  }
});

t.test('colours are for those who want them', async (t) => {
  const [line = ''] = shownStatus({ ...BASE, identities: [VALID] }, NOW_MS, new Style(true));
  t.ok(line.startsWith('\u001b[1m') && line.endsWith('\u001b[0m'));
});

t.test('lengths by their two largest units', async (t) => {
  const of: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [999, '0s'],
    [61_000, '1m 1s'],
    [-3_600_000, '1h'],
    [90_061_000, '1d 1h'],
    [86_403_000, '1d'],
  ];
  for (const [ms, text] of of) t.equal(lengthText(ms), text);
});
