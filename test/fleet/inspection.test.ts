import t from 'tap';
import type { ServedSecret } from '../../src/agent/sds/index.js';
import { InspectedEnvoy, type InspectedStream, Inspection } from '../../src/fleet/checks/inspection.js';
import { UNNUMBERED } from '../../src/fleet/checks/received-content.js';
import { TestCa } from '../support/test-ca.js';
import { anyBytes, bundleSecret, SLEEP_ID, svidSecret } from './secrets.js';

const HOUR_MS = 3_600_000;
const ca = TestCa.root();
const bundle = bundleSecret(ca.certificatePem);

interface Arrival {
  readonly name: 'default' | 'ROOTCA';
  readonly secret: ServedSecret;
  /** What the secret calls itself, when that is another. */
  readonly as?: string;
}

/** What is found when one Envoy gets all this. */
function found(arrivals: readonly Arrival[], spiffePath?: string): Record<string, number> {
  const inspection = new Inspection(Date.now);
  const inspected = new InspectedEnvoy(spiffePath, true);
  const stream = (name: string): InspectedStream => ({ name, inspected, kind: undefined, notAfterMs: 0 });
  const streams = { default: stream('default'), ROOTCA: stream('ROOTCA') };
  for (const { name, secret, as = name } of arrivals) {
    inspection.add(streams[name], { bytes: anyBytes(as, secret), number: UNNUMBERED, verdict: undefined });
  }
  inspection.finish();
  return Object.fromEntries(inspection.problems);
}

const leaf = (secret: ServedSecret): Arrival => ({ name: 'default', secret });
const root = (secret: ServedSecret = bundle): Arrival => ({ name: 'ROOTCA', secret });
const intermediate = ca.intermediate();

const cases = [
  { name: 'a good pair', arrivals: [leaf(svidSecret(ca)), root()], want: {} },
  {
    name: 'a rotation',
    arrivals: [root(), leaf(svidSecret(ca)), leaf(svidSecret(ca, { notAfterMs: Date.now() + 2 * HOUR_MS }))],
    want: {},
  },
  {
    name: 'a wrong key',
    arrivals: [root(), leaf(svidSecret(ca, { hasWrongKey: true }))],
    want: { 'key does not fit the certificate': 1 },
  },
  {
    name: 'an expired leaf',
    arrivals: [root(), leaf(svidSecret(ca, { notAfterMs: Date.now() - 60_000 }))],
    want: { 'not valid now': 1, 'expired at the end': 1 },
  },
  {
    name: 'a leaf that comes when the last one has expired',
    arrivals: [root(), leaf(svidSecret(ca, { notAfterMs: Date.now() - 60_000 })), leaf(svidSecret(ca))],
    want: { 'not valid now': 1, 'later than the end of the last': 1 },
  },
  {
    name: 'a leaf of tomorrow',
    arrivals: [root(), leaf(svidSecret(ca, { notBeforeMs: Date.now() + HOUR_MS / 2 }))],
    want: { 'not valid now': 1 },
  },
  {
    name: 'no SPIFFE ID',
    arrivals: [root(), leaf(svidSecret(ca, { uris: ['https://example.org'] }))],
    want: { 'no SPIFFE ID': 1 },
  },
  {
    name: 'two SPIFFE IDs',
    arrivals: [root(), leaf(svidSecret(ca, { uris: [SLEEP_ID, `${SLEEP_ID}2`] }))],
    want: { 'no SPIFFE ID': 1 },
  },
  {
    name: 'another identity than before',
    arrivals: [root(), leaf(svidSecret(ca)), leaf(svidSecret(ca, { uris: [`${SLEEP_ID}2`] }))],
    want: { 'another identity': 1 },
  },
  {
    name: 'another identity than that of the token',
    path: '/ns/bar/sa/sleep',
    arrivals: [root(), leaf(svidSecret(ca))],
    want: { 'another identity': 1 },
  },
  { name: 'the identity of the token', path: '/ns/foo/sa/sleep', arrivals: [root(), leaf(svidSecret(ca))], want: {} },
  {
    name: 'an older leaf',
    arrivals: [root(), leaf(svidSecret(ca)), leaf(svidSecret(ca, { notAfterMs: Date.now() + HOUR_MS / 2 }))],
    want: { 'older than the last': 1 },
  },
  {
    name: 'a root that is not in the bundle',
    arrivals: [root(), leaf(svidSecret(TestCa.root()))],
    want: { 'not trusted by the bundle': 1 },
  },
  {
    name: 'an intermediate that was left out',
    arrivals: [root(), leaf(svidSecret(intermediate))],
    want: { 'not trusted by the bundle': 1 },
  },
  {
    name: 'an intermediate as the trust bundle',
    arrivals: [root(bundleSecret(intermediate.certificatePem)), leaf(svidSecret(intermediate))],
    want: {},
  },
  { name: 'no bundle at all', arrivals: [leaf(svidSecret(ca))], want: { 'not trusted by the bundle': 1 } },
  { name: 'an empty bundle', arrivals: [root(bundleSecret(Buffer.alloc(0)))], want: { 'bundle invalid': 1 } },
  { name: 'another name', arrivals: [root(), { ...root(), as: 'ROOTCA2' }], want: { 'wrong name': 1 } },
  {
    name: 'a bundle where a certificate was',
    arrivals: [root(), leaf(svidSecret(ca)), leaf(bundle)],
    want: { 'wrong kind': 1 },
  },
] as const satisfies readonly {
  name: string;
  path?: string;
  arrivals: readonly Arrival[];
  want: Record<string, number>;
}[];

for (const { name, arrivals, want, ...rest } of cases) {
  t.test(`what is received is judged: ${name}`, async (t) => {
    t.strictSame(found(arrivals, 'path' in rest ? rest.path : undefined), want);
  });
}

t.test('octets that are no secret are told as such', async (t) => {
  const inspection = new Inspection(Date.now);
  const stream = { name: 'default', inspected: new InspectedEnvoy(undefined, false), kind: undefined, notAfterMs: 0 };
  inspection.add(stream, { bytes: Buffer.from('nonsense'), number: UNNUMBERED, verdict: undefined });
  inspection.finish();
  t.ok(inspection.problems.has('not a secret'));
});

t.test('equal octets are judged once, whoever got them', async (t) => {
  const inspection = new Inspection(Date.now);
  const bytes = anyBytes('ROOTCA', bundle);
  for (let envoy = 0; envoy < 100; envoy += 1) {
    const inspected = new InspectedEnvoy(undefined, true);
    inspection.add(
      { name: 'ROOTCA', inspected, kind: undefined, notAfterMs: 0 },
      { bytes, number: 0, verdict: undefined },
    );
  }
  inspection.finish();
  t.strictSame([inspection.checkedCount, inspection.distinctCount, inspection.problems.size], [100, 1, 0]);
});

t.test('a certificate is held against the time when it came, not when it is looked at', async (t) => {
  let nowMs = Date.now();
  const bytes = anyBytes('default', svidSecret(ca, { notAfterMs: nowMs + 60_000 }));
  const found = (arrivalsMs: readonly number[]): number | undefined => {
    const inspection = new Inspection(() => nowMs);
    const content = { bytes, number: UNNUMBERED, verdict: undefined };
    const startMs = nowMs;
    for (const afterMs of arrivalsMs) {
      nowMs = startMs + afterMs;
      const inspected = new InspectedEnvoy(undefined, false);
      inspection.add({ name: 'default', inspected, kind: undefined, notAfterMs: 0 }, content);
    }
    nowMs = startMs + HOUR_MS;
    inspection.finish();
    nowMs = startMs;
    return inspection.problems.get('not valid now');
  };
  t.equal(found([0, 1000]), undefined, 'valid when it came');
  t.equal(found([0, 120_000]), 1, 'the same had ended when it came again');
});
