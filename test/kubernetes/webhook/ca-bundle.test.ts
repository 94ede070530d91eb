import t from 'tap';
import { hasRoots, type OwnRoots, type SeenRoots, wantedBundle } from '../../../src/kubernetes/webhook/ca-bundle.js';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { ecKeys, NOW_MS } from '../../hotpath/pki.js';
import { pemOf } from '../../support/authority-files.js';
import { TestCa } from '../../support/test-ca.js';

const life = { notBeforeMs: NOW_MS - 1000, notAfterMs: NOW_MS + 1_000_000 };
const old = TestCa.root('old', life);
const next = TestCa.root('next', life);
const foreign = TestCa.root('foreign', life);

const own = (answers: number, ...roots: TestCa[]): OwnRoots => ({
  bundle: TrustBundle.parsePem(pemOf(roots)),
  answers,
});

/** What is wanted, by the names of the roots. */
function wanted(present: Buffer[], mine: OwnRoots, seen: SeenRoots = new Map(), nowMs = NOW_MS) {
  const { bundle, seen: after } = wantedBundle(present, mine, seen, nowMs);
  const roots = bundle.list().map(({ subject }) => subject.replace(/^.*=/, ''));
  return { roots, seen: after, pem: bundle.toPem() };
}

t.test('without anything there, and in place of what is no bundle, our roots are wanted', async (t) => {
  for (const text of ['', 'garbage', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
    t.strictSame(wanted([Buffer.from(text)], own(1, old)).roots, ['old']);
  }
  t.strictSame(wanted([], own(1, old, next)).roots, ['old', 'next']);
});

t.test('a root of another replica stays until the CA has told its roots once more', async (t) => {
  // This replica has not heard of the next root yet, which another has written.
  const first = wanted([pemOf([old, next])], own(1, old));
  t.strictSame(first.roots, ['old', 'next']);
  const again = wanted([first.pem], own(1, old), first.seen);
  t.strictSame(again.roots, ['old', 'next'], 'for as long as it takes');
  t.strictSame(wanted([again.pem], own(2, old, next), again.seen).roots, ['old', 'next'], 'it is one of the CA');
  const dropped = wanted([again.pem], own(2, old), again.seen);
  t.strictSame(dropped.roots, ['old'], 'it is none');
  t.strictSame(wanted([again.pem], own(2, old), dropped.seen).roots, ['old'], 'also when it could not be written');
});

t.test('replicas that know different roots do not undo what the others write', async (t) => {
  const replicas = [own(1, old), own(1, next), own(1, old, next)];
  const seen: SeenRoots[] = replicas.map(() => new Map());
  let present: Buffer = Buffer.from('');
  let writes = 0;
  for (let round = 0; round < 5; round += 1) {
    replicas.forEach((mine, at) => {
      const { bundle, seen: after } = wantedBundle([present], mine, seen[at] ?? new Map(), NOW_MS);
      seen[at] = after;
      if (hasRoots(present, bundle)) return;
      present = bundle.toPem();
      writes += 1;
    });
  }
  t.equal(writes, 2);
  t.ok(hasRoots(present, own(1, next, old).bundle), 'in whatever order');
});

t.test('what has expired, or is none of a CA, is not kept', async (t) => {
  const expired = TestCa.root('expired', { ...life, notAfterMs: NOW_MS - 1 });
  t.strictSame(wanted([pemOf([old, expired])], own(1, old)).roots, ['old']);
  const leaf = foreign.leaf(ecKeys(), { uris: ['spiffe://a/b'] });
  t.strictSame(wanted([leaf], own(1, old)).roots, ['old']);
});

t.test('of roots without end eight are kept', async (t) => {
  const many = Array.from({ length: 20 }, (_, at) => TestCa.root(`root ${at}`, life));
  t.equal(wanted([pemOf(many), pemOf([foreign])], own(1, old)).roots.length, 9);
});
