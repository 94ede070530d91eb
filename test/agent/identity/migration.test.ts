import t from 'tap';
import { chooseOrigin, type MigrationFacts, nextChoiceMs } from '../../../src/agent/identity/migration.js';

const NOW_MS = 1_000_000;
const HOUR_MS = 3_600_000;

const facts = (changes: Partial<MigrationFacts['endsMs']>, step: MigrationFacts['step'] = 'ca'): MigrationFacts => ({
  ...{ step, isFirstAnswerDue: false },
  endsMs: { files: NOW_MS + HOUR_MS, ca: NOW_MS + HOUR_MS, ...changes },
});

const cases = [
  { name: 'both are valid', facts: facts({}), want: ['ca', 'migration step'] },
  { name: 'both are valid, and files are wanted', facts: facts({}, 'files'), want: ['files', 'migration step'] },
  {
    name: 'the CA has issued nothing',
    facts: facts({ ca: undefined }),
    want: ['files', 'source of the step has no valid certificate'],
  },
  {
    name: 'files are wanted, and there are none',
    facts: facts({ files: undefined }, 'files'),
    want: ['ca', 'source of the step has no valid certificate'],
  },
  {
    name: 'the certificate of the CA has expired',
    facts: facts({ ca: NOW_MS }),
    want: ['files', 'source of the step has no valid certificate'],
  },
  {
    name: 'the certificate of the CA is about to expire',
    facts: facts({ ca: NOW_MS + 5000 }),
    want: ['files', 'certificate of the step is about to expire'],
  },
  {
    name: 'both are about to expire, that of the files sooner',
    facts: facts({ ca: NOW_MS + 5000, files: NOW_MS + 4000 }),
    want: ['ca', 'migration step'],
  },
  {
    name: 'both have expired',
    facts: facts({ ca: NOW_MS, files: NOW_MS - 1 }),
    want: [undefined, 'no valid certificate'],
  },
  {
    name: 'only the CA is wanted, and its certificate has expired',
    facts: facts({ ca: NOW_MS }, 'ca-only'),
    want: [undefined, 'no valid certificate'],
  },
  {
    name: 'only the CA is wanted, and its certificate is about to expire',
    facts: facts({ ca: NOW_MS + 5000 }, 'ca-only'),
    want: ['ca', 'migration step'],
  },
  {
    name: 'the first answer of the CA is still to come',
    facts: { ...facts({}), isFirstAnswerDue: true },
    want: [undefined, 'first answer of the ca is awaited'],
  },
];
for (const { name, facts, want } of cases) {
  t.test(`whose certificate is served when ${name}`, async (t) => {
    const { origin, reason } = chooseOrigin(facts, NOW_MS);
    t.strictSame([origin, reason], want);
  });
}

t.test('the choice is made again when a certificate is about to expire, and when it expires', async (t) => {
  const both = facts({ ca: NOW_MS + 60_000, files: NOW_MS + 30_000 });
  t.strictSame(
    [0, 20_000, 30_000, 50_000, 60_000].map((afterMs) => nextChoiceMs(both, NOW_MS + afterMs)),
    [20_000, 30_000, 50_000, 60_000, undefined].map((afterMs) => afterMs && NOW_MS + afterMs),
  );
});
